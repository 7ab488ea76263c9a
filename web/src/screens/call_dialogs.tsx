// The dialogs of a call: telephone keys, transfer, agent, say, hang up.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { call_path, get, post, put, remove } from '../api';
import { dialable, is_handed_over, peer, pretty_number } from '../format';
import { chosen_agent, kByAddress } from '../orders';
import { learn, online } from '../store';
import type { AgentMode, Agents, Call } from '../types';
import { ActionButton, ActionForm, ActionNote, useActions } from '../ui/actions';
import { Dialog } from '../ui/dialog';
import { AgentField, use_agent_chooser } from './agent_field';

interface Props {
  call: Call;
  on_close: () => void;
}

const kPad = [
  ['1', ''],
  ['2', 'ABC'],
  ['3', 'DEF'],
  ['4', 'GHI'],
  ['5', 'JKL'],
  ['6', 'MNO'],
  ['7', 'PQRS'],
  ['8', 'TUV'],
  ['9', 'WXYZ'],
  ['*', ''],
  ['0', '+'],
  ['#', ''],
] as const;

export function Pad({ press, disabled = false }: { press: (key: string) => void; disabled?: boolean }) {
  return (
    <div class="pad" role="group" aria-label="Telephone keys">
      {kPad.map(([key, letters]) => (
        <button key={key} type="button" class="key" disabled={disabled} data-key={key} onClick={() => press(key)}>
          <b>{key}</b> <small>{letters}</small>
        </button>
      ))}
    </div>
  );
}

export function KeypadDialog({ call, on_close }: Props) {
  const actions = useActions();
  const sent = useSignal('');
  const in_band = useSignal(false);
  const waiting = useRef('');
  // One request at a time, or keys could overtake each other; what is pressed meanwhile goes out with the next one.
  const send = (key: string) => {
    if (!online.value) return;
    sent.value = (sent.value + key).slice(-24);
    waiting.current += key;
    void actions.run('keys', async () => {
      while (waiting.current !== '') {
        const keys = waiting.current.slice(0, 64);
        waiting.current = waiting.current.slice(keys.length);
        await post(call_path(call.call, '/dtmf'), { keys, in_band: in_band.value });
      }
    });
  };
  return (
    <Dialog
      title={`Keys to ${pretty_number(peer(call))}`}
      on_close={on_close}
      name="keypad"
      on_key={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !/^[0-9*#A-D]$/.test(event.key)) return;
        event.preventDefault();
        send(event.key);
      }}
    >
      <output class="sent-keys" aria-label="Keys sent">
        {sent.value || ' '}
      </output>
      <Pad press={send} disabled={!online.value} />
      <label class="check">
        <input
          type="checkbox"
          checked={in_band.value}
          onChange={(event) => {
            in_band.value = event.currentTarget.checked;
          }}
        />
        As tones in the sound (no gap, but not every menu hears them)
      </label>
      <ActionNote actions={actions} />
    </Dialog>
  );
}

export function TransferDialog({ call, on_close }: Props) {
  const actions = useActions();
  const to = useSignal('');
  const mode = useSignal<'cold' | 'warm'>('cold');
  const transfer = async () => {
    await post(call_path(call.call, '/transfer'), { to: dialable(to.value), mode: mode.value });
    on_close();
  };
  return (
    <Dialog title={`Transfer ${pretty_number(peer(call))}`} on_close={on_close} name="transfer">
      <ActionForm actions={actions} name="start" act={transfer} ready={to.value.trim() !== ''}>
        <label class="field">
          To
          <input
            type="text"
            inputMode="tel"
            autocomplete="off"
            required
            autofocus
            placeholder="+15557654321 or sip:name@host"
            value={to.value}
            onInput={(event) => {
              to.value = event.currentTarget.value;
            }}
          />
        </label>
        <fieldset class="choices">
          <legend>How</legend>
          <label class="choice">
            <input type="radio" name="mode" checked={mode.value === 'cold'} onChange={() => (mode.value = 'cold')} />
            <span>
              <b>Cold</b> connected as soon as somebody answers; you are out
            </span>
          </label>
          <label class="choice">
            <input type="radio" name="mode" checked={mode.value === 'warm'} onChange={() => (mode.value = 'warm')} />
            <span>
              <b>Warm</b> you speak to the other one first; this call hears music meanwhile
            </span>
          </label>
        </fieldset>
        <ActionNote actions={actions} />
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={on_close}>
            Cancel
          </button>
          <ActionButton actions={actions} name="start" kind="primary" disabled={!to.value.trim()}>
            Transfer
          </ActionButton>
        </div>
      </ActionForm>
    </Dialog>
  );
}

const kModes: readonly { mode: AgentMode; words: string; more: string }[] = [
  { mode: 'speaks', words: 'Agent speaks', more: 'you listen' },
  { mode: 'whisper', words: 'Whisper', more: 'only the agent hears you' },
  { mode: 'together', words: 'Together', more: 'both of you speak' },
  { mode: 'taken-over', words: 'You speak', more: 'the agent is silent' },
];

export function AgentDialog({ call, on_close }: Props) {
  const actions = useActions();
  const agents = useSignal<Agents | null>(null);
  const chooser = use_agent_chooser();
  const agent = call.agent;
  useEffect(() => {
    void actions.run('agents', async () => {
      const answer = await get<Agents>('/agents');
      agents.value = answer;
      const usable = answer.agents.find((choice) => choice.ready);
      if (!chooser.name.value) chooser.choose(agent?.name ?? answer.default ?? usable?.name ?? '');
    });
  }, []);
  const attach = async () => {
    learn(await put<Call>(call_path(call.call, '/agent'), { agent: chooser.named() }));
  };
  return (
    <Dialog title={`Agent of ${pretty_number(peer(call))}`} on_close={on_close} name="agent">
      {agent && (
        <fieldset class="choices">
          <legend>Who speaks to the phone</legend>
          {kModes.map(({ mode, words, more }) => (
            <label class="choice" key={mode}>
              <input
                type="radio"
                name="agent-mode"
                checked={agent.mode === mode}
                disabled={!online.value}
                onChange={() =>
                  void actions.run('mode', async () => {
                    learn(await put<Call>(call_path(call.call, '/agent'), { mode }));
                  })
                }
              />
              <span>
                <b>{words}</b> {more}
              </span>
            </label>
          ))}
        </fieldset>
      )}
      <ActionForm actions={actions} name="attach" act={attach} ready={chooser.named() !== ''}>
        <AgentField
          label={agent ? 'Give the call to another agent' : 'Give the call to an agent'}
          chooser={chooser}
          agents={agents.value}
          actions={actions}
        />
        <ActionNote actions={actions} fields={['agent']} />
        <div class="dialog-buttons">
          {agent && (
            <ActionButton
              actions={actions}
              name="off"
              kind="danger"
              act={async () => learn(await remove<Call>(call_path(call.call, '/agent')))}
            >
              Take {chosen_agent(agent.name).name === kByAddress ? 'this agent' : agent.name} off the call
            </ActionButton>
          )}
          <ActionButton actions={actions} name="attach" kind="primary" disabled={chooser.named() === ''}>
            Attach
          </ActionButton>
        </div>
      </ActionForm>
    </Dialog>
  );
}

export function SayDialog({ call, on_close }: Props) {
  const actions = useActions();
  const text = useSignal('');
  const interrupt = useSignal(false);
  const say = async () => {
    await post(call_path(call.call, '/say'), { text: text.value.trim(), interrupt: interrupt.value });
    text.value = '';
  };
  return (
    <Dialog title={`Say to ${pretty_number(peer(call))}`} on_close={on_close} name="say">
      <ActionForm actions={actions} name="speak" act={say} ready={text.value.trim() !== ''} done="It is being said.">
        <label class="field">
          In a synthetic voice
          <textarea
            rows={3}
            maxLength={2000}
            autofocus
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={interrupt.value}
            onChange={(event) => {
              interrupt.value = event.currentTarget.checked;
            }}
          />
          Cut off what is being said now
        </label>
        <ActionNote actions={actions} />
        <div class="dialog-buttons">
          <button type="button" class="button" onClick={on_close}>
            Close
          </button>
          <ActionButton actions={actions} name="speak" kind="primary" disabled={!text.value.trim()}>
            Say it
          </ActionButton>
        </div>
      </ActionForm>
    </Dialog>
  );
}

/** A hang-up cannot be taken back: it is asked for by name. One that was handed over is not ended by it. */
export function HangUpDialog({ call, on_close }: Props) {
  const actions = useActions();
  const what = `${is_handed_over(call) ? 'Let go of' : 'Hang up'} ${pretty_number(peer(call))}`;
  return (
    <Dialog title={`${what}?`} on_close={on_close} role="alertdialog" name="hangup">
      <p>{is_handed_over(call) ? 'The call goes on without us, until one of the two hangs up.' : 'The call ends for both sides.'}</p>
      <ActionNote actions={actions} />
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={on_close}>
          Stay on the call
        </button>
        <ActionButton
          actions={actions}
          name="hang up"
          kind="danger"
          icon="hangup"
          of="confirm-hangup"
          act={async () => {
            await remove(call_path(call.call));
            on_close();
          }}
        >
          {what}
        </ActionButton>
      </div>
    </Dialog>
  );
}
