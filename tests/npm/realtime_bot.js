// A phone bot as OpenAI's documentation has it: @openai/agents-extensions' Twilio transport, which knows nothing of
// agentbridge, in front of a Realtime server. Started by tests/e2e/bots_test.py; the packages come from NODE_PATH.
'use strict';
const { WebSocketServer } = require('ws');
const { RealtimeAgent, RealtimeSession } = require('@openai/agents/realtime');
const { TwilioRealtimeTransportLayer } = require('@openai/agents-extensions');
const { start_realtime_server } = require('./realtime_server');
const { tell, watch } = require('./bot_log');

const KEY = 'sk-of-the-test';
const mulaw = { format: { type: 'audio/pcmu' } }; // what the phone speaks

async function main() {
  const url = await start_realtime_server(KEY, tell);
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/media-stream' }, () => tell({ listening: server.address().port }));
  server.on('connection', async (socket) => {
    watch(socket);
    const transport = new TwilioRealtimeTransportLayer({ twilioWebSocket: socket });
    const session = new RealtimeSession(new RealtimeAgent({ name: 'Greeter', instructions: 'Be brief.' }), {
      transport, config: { audio: { input: mulaw, output: mulaw } },
    });
    session.on('error', (error) => tell({ session: 'error', message: JSON.stringify(error.error) }));
    session.on('audio_interrupted', () => tell({ session: 'interrupted' }));
    await session.connect({ apiKey: KEY, url });
    transport.sendEvent({ type: 'response.create' }); // it greets whoever is there
  });
}

main();
