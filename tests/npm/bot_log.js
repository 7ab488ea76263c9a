// What the bots of the tests print: one JSON object a line, for tests/e2e/bots_test.py.
'use strict';

function tell(what) {
  console.log(JSON.stringify({ at: Date.now(), ...what }));
}

// Tells what comes from Twilio, and judges the numbers that a test cannot see afterwards.
function watch(socket) {
  let sequence = 0;
  let chunk = 0;
  let expected_ms = 0;
  let media = 0;
  const faults = [];
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString());
    if (message.event !== 'connected' && Number(message.sequenceNumber) !== ++sequence) faults.push(`sequence ${message.sequenceNumber}`);
    if (message.event === 'media') {
      media += 1;
      if (Number(message.media.chunk) !== ++chunk) faults.push(`chunk ${message.media.chunk}`);
      if (Number(message.media.timestamp) !== expected_ms) faults.push(`timestamp ${message.media.timestamp}, not ${expected_ms}`);
      expected_ms = Number(message.media.timestamp) + Buffer.from(message.media.payload, 'base64').length / 8;
    } else {
      tell({ twilio: message.event, ...message });
    }
  });
  socket.on('close', (code) => tell({ twilio: 'closed', code, media, faults: faults.slice(0, 10) }));
}

module.exports = { tell, watch };
