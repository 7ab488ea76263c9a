import { describe, expect, it } from 'vitest';
import { type CallForm, type Usual, call_order, chosen_agent, field_words, kByAddress, named_agent, recording_order } from '../src/orders';

const kForm: CallForm = {
  to: '+1 (202) 555-0101',
  from: '',
  agent: chosen_agent(''),
  record: false,
  transcribe: false,
  focus: true,
  muted: false,
  minutes: '',
};
const kUsual: Usual = { record: false, transcribe: false, agent: '' };

describe('a new call', () => {
  it('is asked for with what differs from the settings, and nothing else', () => {
    expect(call_order(kForm, kUsual)).toEqual({ to: '+12025550101', focus: true });
    expect(call_order({ ...kForm, record: true }, { ...kUsual, record: true, transcribe: true })).toEqual({
      to: '+12025550101',
      focus: true,
      transcribe: false,
    });
    expect(call_order({ ...kForm, from: ' +1 202 555 0100', focus: false, minutes: '1.5' }, kUsual)).toEqual({
      to: '+12025550101',
      from: '+12025550100',
      focus: false,
      time_limit_s: 90,
    });
  });

  it('begins muted only where that is wanted: else the program has its own way', () => {
    expect(call_order({ ...kForm, muted: true }, kUsual)['mic']).toBe(false);
    expect(call_order(kForm, kUsual)).not.toHaveProperty('mic');
  });

  it('has no agent where you speak, even if the settings have one', () => {
    expect(call_order(kForm, { ...kUsual, agent: 'local' })['agent']).toBe('');
    expect(call_order({ ...kForm, agent: chosen_agent('echo') }, { ...kUsual, agent: 'local' })['agent']).toBe('echo');
  });

  it('has an agent by its address', () => {
    const agent = { name: kByAddress, address: ' wss://bots.example/one ' };
    expect(call_order({ ...kForm, agent }, kUsual)['agent']).toBe('wss://bots.example/one');
  });
});

describe('an agent', () => {
  it.each([
    ['', { name: '', address: '' }],
    ['local', { name: 'local', address: '' }],
    ['WSS://bots.example/One', { name: kByAddress, address: 'WSS://bots.example/One' }],
    ['ws://127.0.0.1:8765', { name: kByAddress, address: 'ws://127.0.0.1:8765' }],
  ])('"%s" is chosen and named again', (text, chosen) => {
    expect(chosen_agent(text)).toEqual(chosen);
    expect(named_agent(chosen)).toBe(text);
  });

  it('by address is none as long as there is no address', () => {
    expect(named_agent({ name: kByAddress, address: '  ' })).toBe('');
    expect(named_agent({ name: 'local', address: 'wss://left.over' })).toBe('local');
  });
});

describe('a recording', () => {
  it('has the notice of the settings unless another one is chosen, and none but at its beginning', () => {
    expect(recording_order('recording')).toEqual({ state: 'recording' });
    expect(recording_order('recording', 'none')).toEqual({ state: 'recording', notice: 'none' });
    expect(recording_order('recording', 'spoken')).toEqual({ state: 'recording', notice: 'spoken' });
    expect(recording_order('stopped', 'beep')).toEqual({ state: 'stopped' });
  });
});

describe('what is wrong with a field', () => {
  it.each([
    ['Agent: plain ws is for this machine alone.', 'agent', 'Plain ws is for this machine alone.'],
    ["Agent: 'x' is no agent.", 'agent', "'x' is no agent."],
    ['That is no number.', 'to', 'That is no number.'],
  ])('"%s" of %s is "%s" there', (message, field, words) => expect(field_words(message, field)).toBe(words));
});
