import { describe, expect, it } from 'vitest';
import {
  clock,
  decibels,
  dialable,
  figures,
  is_handed_over,
  meter_part,
  offset,
  peer,
  pretty_number,
  spoken_clock,
  state_tone,
  state_words,
  transfer_words,
  when,
} from '../src/format';
import { a_call } from './calls';

describe('formatting', () => {
  it.each([
    ['+12025550123', '+1 202 555 0123'],
    ['+442071838750', '+442071838750'],
    ['sip:name@host', 'sip:name@host'],
    ['', ''],
  ])('shows %s as "%s"', (number, shown) => expect(pretty_number(number)).toBe(shown));

  it('shows the figures of an event in words', () => {
    expect(figures({ utterance: 7, heard_ms: 480.4, sent_ms: 1200 })).toBe('heard 480 ms, sent 1,200 ms');
    expect(figures({ count: 2, talkers: null })).toBe('count 2');
    expect(figures({ utterance: 7 })).toBe('');
  });

  it.each([
    ['(202) 555-0123', '2025550123'],
    [' +1 202.555.0123 ', '+12025550123'],
    ['sip:first.last@host-1', 'sip:first.last@host-1'],
    ['client:a-b', 'client:a-b'],
  ])('dials %s as %s', (typed, dialled) => expect(dialable(typed)).toBe(dialled));

  it.each([
    [0, '0:00', '0 seconds'],
    [65_000, '1:05', '1 minute 5 seconds'],
    [3_601_000, '1:00:01', '1 hour 1 second'],
    [-5, '0:00', '0 seconds'],
  ])('shows %i ms as %s and says "%s"', (ms, shown, said) => {
    expect(clock(ms)).toBe(shown);
    expect(spoken_clock(ms)).toBe(said);
  });

  it('gives the time of an event to the millisecond', () => {
    expect(offset(61_005)).toBe('1:01.005');
    expect(offset(-20)).toBe('-0:00.020');
  });

  it('names the other end of a call', () => {
    expect(peer(a_call())).toBe('+12025550101');
    expect(peer(a_call({ direction: 'inbound' }))).toBe('+15005550006');
    expect(peer(a_call({ to: '' }))).toBe('unknown number');
  });

  it('says how a call stands in two words and a colour', () => {
    const { local } = a_call();
    expect([state_words(a_call()), state_tone(a_call())]).toEqual(['In progress', 'live']);
    const held = a_call({ local: { ...local, held: true } });
    expect([state_words(held), state_tone(held)]).toEqual(['On hold', 'held']);
    const ringing = a_call({ local: { ...local, ringing: true } });
    expect([state_words(ringing), state_tone(ringing)]).toEqual(['Ringing here', 'wait']);
    const over = a_call({ state: 'completed', local: { ...local, held: true } });
    expect([state_words(over), state_tone(over)]).toEqual(['Ended', 'over']);
    expect(state_tone(a_call({ state: 'busy' }))).toBe('bad');
  });

  it('tells a transfer in a sentence', () => {
    expect(transfer_words({ to: '+12025550108', status: 'failed: busy', mode: 'cold' })).toBe(
      'The transfer to +1 202 555 0108 failed: busy',
    );
    expect(transfer_words({ to: 'sip:a@b', status: 'briefing', mode: 'warm' })).toContain('then join');
    expect(is_handed_over(a_call({ transfer: { to: 'sip:a@b', status: 'ringing', mode: 'cold' } }))).toBe(false);
    expect(is_handed_over(a_call({ transfer: { to: 'sip:a@b', status: 'connected', mode: 'cold' } }))).toBe(true);
  });

  it('puts the date with a time that is not of today', () => {
    const now = new Date('2026-05-05T12:00:00');
    expect(when('2026-05-05T09:07:00', now)).not.toContain('May');
    expect(when('2026-05-04T09:07:00', now)).toContain('May');
    expect(when('2025-05-04T09:07:00', now)).toContain('2025');
    expect(when('nonsense')).toBe('');
    expect(when(undefined)).toBe('');
  });

  it('moves a meter as loudness goes, from -60 dB to full scale', () => {
    expect([decibels(0), decibels(1), Math.round(decibels(0.5))]).toEqual([-60, 0, -6]);
    expect([meter_part(0), meter_part(1)]).toEqual([0, 1]);
  });
});
