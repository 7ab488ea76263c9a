// A new call: the number, who speaks, and how long it may last.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Problem, get, post } from '../api';
import { pretty_number } from '../format';
import { kByAddress, type Usual, call_order } from '../orders';
import { go, query } from '../router';
import { epoch, learn, on_emulator, online } from '../store';
import type { Agents, Call, EmulatorInfo, Setting } from '../types';
import { ActionButton, ActionForm, ActionNote, useActions } from '../ui/actions';
import { CheckField, TextField } from '../ui/fields';
import { Icon } from '../ui/icons';
import { AgentField, use_agent_chooser } from './agent_field';
import { Pad } from './call_dialogs';

const kRecent = 8;
/** Fields that tell what is wrong with them. */
const kFields = ['to', 'from', 'agent', 'time_limit_s'];

export function Dial() {
  const actions = useActions();
  const number = useSignal(query.value.get('to') ?? '');
  const agents = useSignal<Agents | null>(null);
  const agent = use_agent_chooser();
  const from = useSignal('');
  const limit = useSignal('');
  const focus = useSignal(true);
  const muted = useSignal(false);
  const record = useSignal(false);
  const transcribe = useSignal(false);
  /** What the settings say of every call; null: not known yet, and nothing is ticked. */
  const usual = useSignal<Omit<Usual, 'agent'> | null>(null);
  const recent = useSignal<string[]>([]);
  const emulator = useSignal<EmulatorInfo | null>(null);
  const input = useRef<HTMLInputElement>(null);
  /** Kept while nobody knows whether the call was made: asked again, it is dialled once. */
  const key = useRef({ body: '', value: '' });

  useEffect(() => {
    if (!online.value) return;
    const quietly = { catch: () => {} };
    void get<{ calls: Call[] }>('/calls?state=all&limit=50')
      .then((answer) => {
        recent.value = recent_numbers(answer.calls);
      })
      .catch(quietly.catch);
    void get<Agents>('/agents')
      .then((answer) => {
        agents.value = answer;
        if (!agent.name.value) agent.choose(answer.default ?? '');
      })
      .catch(quietly.catch);
    void get<{ settings: Setting[] }>('/config')
      .then(({ settings }) => {
        const first = usual.value === null;
        usual.value = { record: is_on(settings, 'AGENTBRIDGE_RECORD'), transcribe: is_on(settings, 'AGENTBRIDGE_TRANSCRIBE') };
        if (!first) return;
        record.value ||= usual.value.record;
        transcribe.value ||= usual.value.transcribe;
      })
      .catch(quietly.catch);
    if (on_emulator.value) {
      void get<EmulatorInfo>('/emulator')
        .then((answer) => {
          emulator.value = answer;
        })
        .catch(quietly.catch);
    }
  }, [epoch.value, on_emulator.value]);

  const dial = async () => {
    const body = call_order(
      {
        to: number.value,
        from: from.value,
        agent: agent.chosen(),
        record: record.value,
        transcribe: transcribe.value,
        focus: focus.value,
        muted: muted.value,
        minutes: limit.value,
      },
      { record: false, transcribe: false, ...usual.value, agent: agents.value?.default ?? '' },
    );
    const text = JSON.stringify(body);
    if (key.current.body !== text) key.current = { body: text, value: crypto.randomUUID() };
    const call = await post<Call>('/calls', body, { headers: { 'Idempotency-Key': key.current.value } }).catch((error: unknown) => {
      if (error instanceof Problem && error.status > 0) key.current = { body: '', value: '' };
      throw error;
    });
    key.current = { body: '', value: '' };
    learn(call);
    go('/');
  };
  const ready = number.value.trim() !== '' && (agent.name.value !== kByAddress || agent.named() !== '');
  const pick = (to: string) => {
    number.value = to;
    input.current?.focus();
  };
  return (
    <>
      <h1 tabIndex={-1}>Dial</h1>
      <div class="columns">
        <ActionForm class="card dialler" actions={actions} name="dial" act={dial} ready={ready}>
          <TextField
            label="Number"
            class="big"
            dial
            name="to"
            actions={actions}
            placeholder="+1 555 123 4567"
            value={number}
            field={input}
          />
          <Pad
            press={(digit) => {
              number.value += digit;
            }}
          />
          <div class="pad-row">
            <button type="button" class="button quiet" onClick={() => (number.value += '+')}>
              +
            </button>
            <button
              type="button"
              class="button quiet"
              aria-label="Delete the last digit"
              onClick={() => {
                number.value = number.value.slice(0, -1);
              }}
            >
              <Icon name="back" />
            </button>
          </div>
          <AgentField label="Who speaks" none="You" chooser={agent} agents={agents.value} actions={actions} />
          <div class="choices">
            <CheckField label="Record the call" name="record" value={record} />
            <CheckField label="Transcribe what is said" name="transcribe" value={transcribe} />
          </div>
          <details>
            <summary>Options</summary>
            <TextField label="Shown as caller" dial name="from" actions={actions} placeholder="your number in the settings" value={from} />
            <TextField
              label="Ends after, in minutes"
              type="number"
              name="time_limit_s"
              actions={actions}
              min={1}
              max={1440}
              placeholder="240"
              value={limit}
            />
            <CheckField label="Give it the focus: microphone and speakers of the machine" value={focus} />
            <CheckField label="Begin muted: the phone hears no microphone before you unmute" name="muted" value={muted} />
          </details>
          <ActionNote actions={actions} fields={kFields} />
          <ActionButton actions={actions} name="dial" kind="good" icon="dial" disabled={!ready}>
            Call
          </ActionButton>
        </ActionForm>
        <div class="stack">
          {on_emulator.value && emulator.value && (
            <section class="card" aria-labelledby="personas">
              <h2 id="personas">Phones of the built-in Twilio</h2>
              <p class="hint">The carrier is the emulator: nobody is really called, and nothing costs money.</p>
              <ul class="picks">
                {emulator.value.personas
                  .filter((persona) => persona.number)
                  .map((persona) => (
                    <li key={persona.number}>
                      <button type="button" class="pick" onClick={() => pick(persona.number ?? '')}>
                        <b>{persona.name}</b>
                        <span>{persona.description}</span>
                        <small>{pretty_number(persona.number ?? '')}</small>
                      </button>
                    </li>
                  ))}
              </ul>
            </section>
          )}
          <section class="card" aria-labelledby="recent">
            <h2 id="recent">Recent numbers</h2>
            {recent.value.length === 0 ? (
              <p class="hint">None yet.</p>
            ) : (
              <ul class="picks">
                {recent.value.map((to) => (
                  <li key={to}>
                    <button type="button" class="pick" onClick={() => pick(to)}>
                      <b>{pretty_number(to)}</b>
                    </button>
                  </li>
                ))}
              </ul>
            )}
          </section>
        </div>
      </div>
    </>
  );
}

/** A setting that is off unless it says something else: "on", or a folder. */
function is_on(settings: readonly Setting[], name: string): boolean {
  const value = settings.find((setting) => setting.name === name)?.value ?? '';
  return value !== '' && value !== 'off';
}

function recent_numbers(calls: readonly Call[]): string[] {
  const numbers = calls.map((call) => (call.direction === 'inbound' ? call.from : call.to));
  return [...new Set(numbers.filter((number) => number !== ''))].slice(0, kRecent);
}
