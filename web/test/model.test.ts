import { describe, expect, it } from 'vitest';
import { type Model, apply_event, from_list, is_news, kOverKept, running_ms, with_call, with_past_words } from '../src/model';
import { kWordsKept } from '../src/words';
import type { Samples, Timeline } from '../src/types';
import { a_call, a_piece, an_event } from './calls';

const one = (more = {}): Model => from_list(new Map(), [a_call(more)], 0);
const call_of = (model: Model) => model.get('c_1')?.call;

describe('the model', () => {
  it('has the calls of the list and no other', () => {
    const before = from_list(new Map(), [a_call(), a_call({ call: 'c_2' })], 0);
    expect([...from_list(before, [a_call({ call: 'c_2' })], 1).keys()]).toEqual(['c_2']);
  });

  it('keeps the words of a call over a new list', () => {
    const heard = apply_event(one(), an_event('said', { by: 'caller', text: 'Hello.', final: true }), 1);
    expect(from_list(heard, [a_call()], 2).get('c_1')?.words).toHaveLength(1);
  });

  it('knows from the list who listens, whatever it missed', () => {
    const heard = apply_event(one({ listeners: 1, talkers: 1 }), an_event('listener', { count: 3, talkers: 2 }), 1);
    expect(one({ listeners: 1, talkers: 1 }).get('c_1')).toMatchObject({ ears: 1, talkers: 1 });
    expect(heard.get('c_1')).toMatchObject({ ears: 3, talkers: 2 });
    expect(from_list(heard, [a_call({ listeners: 0, talkers: 0 })], 2).get('c_1')).toMatchObject({ ears: 0, talkers: 0 });
  });

  it('moves a state forward, never back', () => {
    const ended = apply_event(one(), an_event('state', { state: 'completed', reason: 'they hung up' }), 1);
    expect(call_of(ended)).toMatchObject({ state: 'completed', reason: 'they hung up', streaming: false, ended: '2026-01-01T00:00:10Z' });
    expect(call_of(apply_event(ended, an_event('state', { state: 'ringing' }), 2))?.state).toBe('completed');
    expect(call_of(with_call(ended, a_call(), 2))?.state).toBe('completed');
  });

  it('takes no state that it does not know', () => {
    const before = one();
    expect(apply_event(before, an_event('state', { state: 'levitating' }), 1)).toBe(before);
  });

  it('remembers when a call was answered', () => {
    const answered = apply_event(one({ state: 'ringing' }), an_event('state', { state: 'in-progress' }), 1);
    expect(call_of(answered)?.answered_at).toBe('2026-01-01T00:00:10Z');
  });

  it('shows what this side does with the call', () => {
    const held = apply_event(one(), an_event('local', { local: { held: true, microphone: false } }), 1);
    expect(call_of(held)?.local).toMatchObject({ held: true, microphone: false, focus: true });
    const ringing = apply_event(one(), an_event('ringing', { from: '+1' }), 1);
    expect(call_of(ringing)?.local.ringing).toBe(true);
    expect(call_of(apply_event(ringing, an_event('ring_ended', { accepted: true }), 2))?.local.ringing).toBe(false);
  });

  it('knows agents that come and go', () => {
    const agent = { name: 'local', status: 'ready', mode: 'speaks', sessions: 1 };
    const there = apply_event(one(), an_event('agent', { agent }), 1);
    expect(call_of(there)?.agent).toEqual(agent);
    expect(call_of(apply_event(there, an_event('agent', { agent: null }), 2))).not.toHaveProperty('agent');
    expect(call_of(apply_event(there, an_event('agent', { agent: { ...agent, status: 'none' } }), 2))).not.toHaveProperty('agent');
  });

  it('replaces words that are not final by what the same speaker is understood to have said next', () => {
    let model = one();
    for (const [by, text, final] of [
      ['caller', 'I wo', false],
      ['agent', 'Yes?', true],
      ['caller', 'I would', false],
      ['caller', 'I would.', true],
    ]) {
      model = apply_event(model, an_event('said', { by, text, final }), 1);
    }
    expect(model.get('c_1')?.words.map((line) => `${line.who}: ${line.text}`)).toEqual(['Phone: I would.', 'Agent: Yes?']);
    model = apply_event(model, an_event('said', { by: 'caller', text: 'Then', final: false }), 2);
    expect(model.get('c_1')?.words).toHaveLength(3);
  });

  it('puts what was said before it looked in front of what it heard itself, once', () => {
    const said = (at_ms: number, kind: string, text: string) => ({ at_ms, lane: 'words', kind, text });
    const timeline: Timeline = {
      call: 'c_1',
      began: '2026-01-01T00:00:00Z',
      now_ms: 12_000,
      events: [said(1000, 'agent', 'Hello?'), { at_ms: 1500, lane: 'state', kind: 'x', text: '' }, said(10_000, 'caller', 'Hi.')],
      samples: {} as Samples,
      dropped_events: 0,
    };
    const texts = (model: Model) => model.get('c_1')?.words.map((line) => `${line.who}: ${line.text}`);
    expect(texts(with_past_words(one(), timeline))).toEqual(['Agent: Hello?', 'Phone: Hi.']);
    const heard = apply_event(one(), an_event('said', { by: 'caller', text: 'Hi.', final: true }), 1);
    const whole = with_past_words(heard, timeline);
    expect(texts(whole)).toEqual(['Agent: Hello?', 'Phone: Hi.']);
    expect(new Set(whole.get('c_1')?.words.map((line) => line.key)).size).toBe(2);
    expect(with_past_words(new Map(), timeline).size).toBe(0);
  });

  it('puts in the place of a partial what the recognizer understood in the end, each side for itself', () => {
    let model = one();
    for (const heard of [
      a_piece({ text: 'I wo', final: false, begin_ms: 1000 }),
      a_piece({ speaker: 'near', text: 'Yes?', begin_ms: 2000 }),
      a_piece({ text: 'I would.', begin_ms: 1000 }),
      a_piece({ text: 'I wrote.', final: false, begin_ms: 1000 }),
      a_piece({ number: 2, text: 'Hm', final: false, begin_ms: 3000 }),
      a_piece({ number: 2, text: '', begin_ms: 3000 }),
      a_piece({ number: 3, text: 'Before.', begin_ms: 500 }),
    ]) {
      model = apply_event(model, an_event('transcript', { piece: heard }), 1);
    }
    expect(model.get('c_1')?.words.map((line) => `${line.who}: ${line.text}`)).toEqual(['Phone: Before.', 'Phone: I would.', 'You: Yes?']);
  });

  it('does not show twice what a recognizer and an agent tell', () => {
    const agent = { name: 'local', status: 'ready', mode: 'speaks', sessions: 1 };
    const running = { engine: 'vosk', status: 'running' };
    let model = one({ agent });
    model = apply_event(model, an_event('said', { by: 'agent', text: 'Hello?', final: true }), 1);
    model = apply_event(model, an_event('transcription', { transcription: running }), 1);
    model = apply_event(model, an_event('said', { by: 'agent', text: 'Still there?', final: true }), 1);
    model = apply_event(model, an_event('transcript', { piece: a_piece({ speaker: 'near', text: 'still there' }) }), 1);
    model = apply_event(model, an_event('transcription', { transcription: { ...running, status: 'lost' } }), 1);
    model = apply_event(model, an_event('said', { by: 'agent', text: 'Goodbye.', final: true }), 1);
    expect(model.get('c_1')?.words.map((line) => `${line.who}: ${line.text}`)).toEqual([
      'Agent: Hello?',
      'Agent: still there',
      'Agent: Goodbye.',
    ]);
  });

  it('recalls what was taken down before it looked, once', () => {
    const past = { call: 'c_1', engine: 'vosk', complete: false, pieces: [a_piece(), a_piece({ number: 2, begin_ms: 4000 })] };
    const heard = apply_event(one(), an_event('transcript', { piece: a_piece({ number: 2, begin_ms: 4000 }) }), 1);
    expect(
      with_past_words(heard, past)
        .get('c_1')
        ?.words.map((line) => line.key),
    ).toEqual(['far 1', 'far 2']);
  });

  it('knows whether a call is recorded', () => {
    const recording = { status: 'paused', file: '/tmp/one.wav' };
    expect(call_of(apply_event(one(), an_event('recording', { recording }), 1))?.recording).toEqual(recording);
  });

  it('forgets the oldest words and the oldest calls that are over', () => {
    let model = one();
    for (let n = 0; n < kWordsKept + 10; ++n) model = apply_event(model, an_event('said', { by: 'agent', text: `${n}`, final: true }), 1);
    expect(model.get('c_1')?.words).toHaveLength(kWordsKept);
    expect(new Set(model.get('c_1')?.words.map((line) => line.key)).size).toBe(kWordsKept);
    for (let n = 0; n < kOverKept + 5; ++n) model = with_call(model, a_call({ call: `c_over${n}`, state: 'completed' }), 1);
    expect(model.has('c_1')).toBe(true);
    expect(model.size).toBe(kOverKept + 1);
  });

  it('takes over the snapshots of statistics and of the end', () => {
    const told = apply_event(one(), an_event('statistics', { snapshot: a_call({ lost_ms: 40 }) }), 5);
    expect(told.get('c_1')).toMatchObject({ at: 5, call: { lost_ms: 40 } });
    const ended = apply_event(told, an_event('ended', { snapshot: a_call({ state: 'completed' }) }), 6);
    expect(call_of(ended)?.state).toBe('completed');
    expect(apply_event(new Map(), an_event('ended', { snapshot: a_call({ state: 'completed' }) }), 6).size).toBe(0);
  });

  it('keeps the volume of a call over snapshots that do not know it', () => {
    const quiet = apply_event(one(), an_event('local', { local: { volume: 30 } }), 1);
    const told = apply_event(quiet, an_event('statistics', { snapshot: a_call() }), 2);
    expect(call_of(told)?.local).toMatchObject({ volume: 30, focus: true });
  });

  it('shows the latency of the last turn before the next statistics', () => {
    const leg = { count: 1, p50_ms: 1, p95_ms: 1, p99_ms: 1, max_ms: 1 };
    const turns = { count: 1, unanswered: 0, interruptions: 0, legs: { detect: leg, agent: leg, socket: leg, heard: leg, total: leg } };
    const after = apply_event(one({ turns }), an_event('turn', { latency_ms: { agent: 300, total: 700 } }), 1);
    expect(call_of(after)?.turns).toMatchObject({ count: 2, last_ms: { agent: 300, total: 700 } });
  });

  it('ignores events of calls and kinds that it does not know', () => {
    const before = one();
    expect(apply_event(before, an_event('state', { call: 'c_9', state: 'ringing' }), 1)).toBe(before);
    expect(apply_event(before, an_event('something_new'), 1)).toBe(before);
    expect(is_news(before, an_event('state', { call: 'c_9' }))).toBe(true);
    expect(is_news(before, an_event('state'))).toBe(false);
  });

  it('counts a call from its answer, and stops when it is over', () => {
    const times = { created: '2026-01-01T00:00:00Z', answered_at: '2026-01-01T00:00:04Z' };
    const known = from_list(new Map(), [a_call(times)], 1000).get('c_1');
    if (!known) throw new Error('no call');
    expect(running_ms(known, 3000)).toBe(8000);
    expect(running_ms({ ...known, call: a_call({ ...times, state: 'completed' }) }, 99_000)).toBe(6000);
    expect(running_ms({ ...known, call: a_call() }, 3000)).toBe(12_000);
  });
});
