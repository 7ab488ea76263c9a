// Hearing a call in the browser, and speaking into it. One call at a time: there is one pair of ears at the page.
// Speaking is never on by itself: it starts with an explicit press, and ends with the press, with the tab being hidden
// or closed, with the call, and with the socket.

import { signal } from '@preact/signals';
import { Problem } from '../api';
import capture_url from './capture.worklet.ts?worker&url';
import type { JitterStats } from './jitter_buffer';
import player_url from './player.worklet.ts?worker&url';

export type EarState = 'off' | 'opening' | 'on';

/** The call that is listened to, and how that stands. */
export const ear_call = signal('');
export const ear_state = signal<EarState>('off');
export const on_air = signal(false);
/** The microphone is being asked for, or the server to open the mouth. */
export const mouth_opening = signal(false);
/** What the player's buffer does, twice a second. */
export const ear_stats = signal<JitterStats | null>(null);
/** Why listening or talking ended by itself; empty if it was asked for. */
export const ear_problem = signal('');

let context: AudioContext | undefined;
let player: AudioWorkletNode | undefined;
let socket: WebSocket | undefined;
let may_talk = false;
let microphone: MediaStream | undefined;
let capture: AudioWorkletNode | undefined;
let source: MediaStreamAudioSourceNode | undefined;
/** Counts attempts, so that an answer of one that was given up does nothing. */
let attempt = 0;

export async function listen(call: string): Promise<void> {
  if (ear_call.value === call && ear_state.value !== 'off') return;
  stop_listening();
  await open(call, false);
}

export function stop_listening(): void {
  ++attempt;
  close_mouth();
  close_socket();
  player?.port.postMessage('stop');
  player?.disconnect();
  player = undefined;
  may_talk = false;
  ear_call.value = '';
  ear_state.value = 'off';
  ear_stats.value = null;
  ear_problem.value = '';
}

export async function talk(call: string): Promise<void> {
  if (on_air.value && ear_call.value === call) return;
  if (document.hidden) return;
  mouth_opening.value = true;
  try {
    if (ear_call.value !== call || ear_state.value !== 'on' || !may_talk) {
      if (ear_call.value !== call) stop_listening();
      await open(call, true);
    }
    const mine = attempt;
    await open_microphone();
    // Whoever was asked for the microphone may have gone to another tab meanwhile.
    if (mine !== attempt || socket?.readyState !== WebSocket.OPEN || document.hidden) {
      close_mouth();
      return;
    }
    socket.send(JSON.stringify({ type: 'talk', on: true }));
  } catch (error) {
    close_mouth();
    throw error;
  } finally {
    mouth_opening.value = false;
  }
}

export function stop_talking(): void {
  close_mouth();
}

addEventListener('visibilitychange', () => {
  // Also while the server's word is still on its way: it would put a hidden tab on the air.
  if (document.hidden && (on_air.value || capture)) {
    close_mouth();
    ear_problem.value = 'You are off the air: this tab was hidden.';
  }
});
addEventListener('pagehide', () => stop_listening());

async function open(call: string, talking: boolean): Promise<void> {
  const mine = ++attempt;
  ear_call.value = call;
  ear_state.value = 'opening';
  ear_problem.value = '';
  try {
    await open_player();
    if (mine !== attempt) return;
    close_socket();
    await open_socket(call, talking, mine);
    may_talk = talking;
    ear_state.value = 'on';
  } catch (error) {
    if (mine === attempt) stop_listening();
    throw error;
  }
}

async function open_player(): Promise<void> {
  if (!context) {
    context = new AudioContext({ latencyHint: 'interactive' });
    await context.audioWorklet.addModule(player_url);
    await context.audioWorklet.addModule(capture_url);
  }
  await context.resume();
  if (player) return;
  player = new AudioWorkletNode(context, 'agentbridge-player', { numberOfInputs: 0, outputChannelCount: [1] });
  player.port.onmessage = (event: MessageEvent<JitterStats>) => {
    ear_stats.value = event.data;
  };
  player.connect(context.destination);
}

function open_socket(call: string, talking: boolean, mine: number): Promise<void> {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const path = `/api/v1/calls/${encodeURIComponent(call)}/audio?format=pcm16&side=both&talk=${talking ? 1 : 0}`;
  const opened = new WebSocket(`${scheme}//${location.host}${path}`);
  opened.binaryType = 'arraybuffer';
  socket = opened;
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => opened.close(), 5000);
    opened.onopen = () => {
      clearTimeout(patience);
      resolve();
    };
    opened.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
      if (opened !== socket) return;
      if (typeof event.data === 'string') take_text(event.data);
      else player?.port.postMessage(event.data, [event.data]);
    };
    opened.onclose = (event) => {
      clearTimeout(patience);
      // After onopen this is nobody's any more, and does nothing.
      reject(new Problem(0, 'no_audio', 'The sound of this call could not be had. Is the call still up?'));
      if (opened === socket && mine === attempt && ear_state.value === 'on') lost(event);
    };
  });
}

function take_text(text: string): void {
  let message: { type?: string; on?: boolean; reason?: string };
  try {
    message = JSON.parse(text) as typeof message;
  } catch {
    return;
  }
  if (message.type === 'talk') {
    on_air.value = message.on === true && capture !== undefined;
    performance.mark(on_air.value ? 'agentbridge:on-air' : 'agentbridge:off-air');
    if (message.on !== true) release_microphone();
  } else if (message.type === 'end') {
    stop_listening();
  }
}

function lost(event: CloseEvent): void {
  const was_on_air = on_air.value;
  stop_listening();
  if (event.code === 1000) return;
  const why = event.code === 1008 ? 'this browser took the sound too slowly' : 'the connection broke';
  ear_problem.value = was_on_air ? `You are off the air and hear nothing any more: ${why}.` : `You hear nothing any more: ${why}.`;
}

async function open_microphone(): Promise<void> {
  if (!context || capture) return;
  try {
    microphone = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
    });
  } catch (error) {
    throw new Problem(0, 'no_microphone', microphone_words(error));
  }
  source = context.createMediaStreamSource(microphone);
  capture = new AudioWorkletNode(context, 'agentbridge-capture', { outputChannelCount: [1] });
  capture.port.onmessage = (event: MessageEvent<ArrayBuffer>) => {
    if (on_air.value && socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < 16_000) {
      socket.send(event.data);
    }
  };
  microphone.getAudioTracks()[0]?.addEventListener('ended', () => {
    close_mouth();
    ear_problem.value = 'You are off the air: the microphone is gone.';
  });
  // A worklet runs only while it leads to the destination. It puts out silence.
  source.connect(capture).connect(context.destination);
}

function microphone_words(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') return 'The browser does not let this page use the microphone. Allow it beside the address.';
  if (name === 'NotFoundError') return 'There is no microphone.';
  if (name === 'NotReadableError') return 'The microphone is in use by another program.';
  if (!navigator.mediaDevices) return 'The browser gives a microphone only to https addresses and to this machine.';
  return 'The microphone could not be opened.';
}

function close_mouth(): void {
  if (capture && socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'talk', on: false }));
  if (on_air.value) performance.mark('agentbridge:off-air');
  on_air.value = false;
  release_microphone();
}

function release_microphone(): void {
  capture?.port.postMessage('stop');
  capture?.disconnect();
  source?.disconnect();
  for (const track of microphone?.getTracks() ?? []) track.stop();
  capture = undefined;
  source = undefined;
  microphone = undefined;
}

function close_socket(): void {
  const old = socket;
  socket = undefined;
  old?.close(1000);
}
