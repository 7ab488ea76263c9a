// A call as the API tells of it, for tests.

import type { Call, CallEvent, Piece } from '../src/types';

export function a_call(more: Partial<Call> = {}): Call {
  return {
    call: 'c_1',
    call_sid: 'CA1',
    direction: 'outbound',
    to: '+12025550101',
    from: '+15005550006',
    state: 'in-progress',
    streaming: true,
    reason: '',
    answered_by: '',
    duration_ms: 10_000,
    streamed_ms: 8000,
    frames: 400,
    lost_ms: 0,
    stalls: 0,
    local: { ringing: false, focus: true, microphone: true, muted: false, held: false, gain: 1, pan: 0 },
    ...more,
  };
}

export function an_event(type: string, more: Record<string, unknown> = {}): CallEvent {
  return { type, call: 'c_1', time: '2026-01-01T00:00:10Z', ...more };
}

export function a_piece(more: Partial<Piece> = {}): Piece {
  return {
    speaker: 'far',
    number: 1,
    final: true,
    begin_ms: 1000,
    end_ms: 1800,
    text: 'Hello there.',
    confidence: 0.9,
    words: [],
    ...more,
  };
}
