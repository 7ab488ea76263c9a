// A phone bot made of @framers/agentos' telephony transport: it greets with a tone, says back what it is told, and
// ends the call at the key 9. Started by tests/e2e/bots_test.py; the packages come from the folder of NODE_PATH.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const packages = createRequire(path.join(process.env.NODE_PATH, 'x.js'));
const { WebSocketServer } = packages('ws');
const { tell, watch } = createRequire(import.meta.url)('./bot_log.js');
const agentos = path.join(process.env.NODE_PATH, '@framers/agentos/dist/io/channels/telephony/index.js');
const { TelephonyStreamTransport, TwilioMediaStreamParser } = await import(pathToFileURL(agentos));

const RATE = 16000;
const LOUD = 0.012;

function greeting() {
  const samples = Int16Array.from({ length: RATE }, (_, i) => Math.round(9000 * Math.sin(2 * Math.PI * 600 * i / RATE)));
  return Buffer.from(samples.buffer);
}

function answer(socket) {
  watch(socket);
  const transport = new TelephonyStreamTransport(socket, new TwilioMediaStreamParser(), { outputSampleRate: RATE });
  const said = [];
  let quiet_ms = 0;
  let loud_ms = 0;
  let greeted = false;
  const say = async (audio, name) => {
    await transport.sendAudio({ audio, sampleRate: RATE });
    await transport.sendControl({ event: 'mark', streamSid: transport.streamSid, mark: { name } });
  };
  transport.on('audio', async ({ samples }) => {
    if (!greeted) {
      greeted = true;
      await say(greeting(), 'greeted');
    }
    const ms = samples.length * 1000 / RATE;
    const level = samples.reduce((sum, sample) => sum + Math.abs(sample), 0) / samples.length;
    if (level >= LOUD) loud_ms += ms;
    quiet_ms = level >= LOUD ? 0 : quiet_ms + ms;
    if (loud_ms > 0) said.push(Int16Array.from(samples, (sample) => Math.round(sample * 32767)));
    if (loud_ms >= 100 && quiet_ms >= 500) {
      const words = Buffer.concat(said.splice(0).map((part) => Buffer.from(part.buffer)));
      loud_ms = 0;
      tell({ parrot: 'says back', ms: words.length / 2 / RATE * 1000 });
      await say(words, 'said back');
    }
  });
  transport.on('dtmf', ({ digit }) => {
    if (digit === '9') transport.close(1000, 'goodbye');
  });
  transport.on('error', (error) => tell({ parrot: 'error', message: error.message }));
}

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/media-stream' }, () => tell({ listening: server.address().port }));
server.on('connection', answer);
