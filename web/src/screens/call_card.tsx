// One live call with everything that can be done about it.

import { useSignal } from '@preact/signals';
import { call_path, post, put } from '../api';
import {
  ear_call,
  ear_problem,
  ear_state,
  ear_stats,
  listen,
  mouth_opening,
  on_air,
  stop_listening,
  stop_talking,
  talk,
} from '../audio/ear';
import {
  clock,
  is_handed_over,
  is_transfer_open,
  millis,
  peer,
  pretty_number,
  spoken_clock,
  state_tone,
  state_words,
  transfer_words,
} from '../format';
import { type Known, running_ms } from '../model';
import { call_on_air, kept_from_phone } from '../on_air';
import { learn, now, online } from '../store';
import type { Call } from '../types';
import { ActionButton, ActionNote, type Actions, useActions } from '../ui/actions';
import { Icon } from '../ui/icons';
import { Meter } from '../ui/meter';
import { Waveform } from '../ui/waveform';
import { AgentDialog, HangUpDialog, KeypadDialog, SayDialog, TransferDialog } from './call_dialogs';
import { RecordButtons, RecordingFacts, RecordingSign } from './recording_controls';
import { Words } from './words';

type Open = '' | 'keypad' | 'transfer' | 'agent' | 'say' | 'hangup';

/** Asks for it and shows the call as the answer has it. */
const change =
  (call: Call, what: string, body: unknown = {}) =>
  async () =>
    learn(await post<Call>(call_path(call.call, what), body));

export function CallCard({ known, whole = false }: { known: Known; whole?: boolean }) {
  const actions = useActions();
  const open = useSignal<Open>('');
  const { call } = known;
  const close = () => {
    open.value = '';
  };
  const here = call_on_air.value === call.call;
  return (
    <article
      class={`card call ${state_tone(call)}${here ? ' air' : ''}`}
      data-call-card={call.call}
      tabIndex={-1}
      aria-label={`Call ${call.direction === 'inbound' ? 'from' : 'to'} ${pretty_number(peer(call))}`}
    >
      <Head known={known} whole={whole} />
      {on_air.value && ear_call.value === call.call && <OpenMicrophone call={call} />}
      <div class="sound">
        <Waveform call={call.call} />
        <div class="meters">
          <span aria-hidden="true">Phone</span>
          <Meter call={call.call} side="far" label="Level of the phone" />
          <span aria-hidden="true">To phone</span>
          <Meter call={call.call} side="near" label="Level of what the phone hears" />
        </div>
      </div>
      <Facts known={known} />
      {call.transfer && (is_transfer_open(call.transfer.status) || is_handed_over(call)) && <TransferRow call={call} actions={actions} />}
      {known.warning && <p class="hint warn">{known.warning}</p>}
      {!whole && known.words.length > 0 && <Words words={known.words.slice(-6)} label="What was said last" />}
      {call.local.ringing ? (
        <RingRow call={call} actions={actions} />
      ) : (
        <Controls call={call} actions={actions} open={(what) => (open.value = what)} />
      )}
      <ActionNote actions={actions} />
      {ear_problem.value && <EarProblem call={call} />}
      {open.value === 'keypad' && <KeypadDialog call={call} on_close={close} />}
      {open.value === 'transfer' && <TransferDialog call={call} on_close={close} />}
      {open.value === 'agent' && <AgentDialog call={call} on_close={close} />}
      {open.value === 'say' && <SayDialog call={call} on_close={close} />}
      {open.value === 'hangup' && <HangUpDialog call={call} on_close={close} />}
    </article>
  );
}

/** Red only while the phone really hears it. */
function OpenMicrophone({ call }: { call: Call }) {
  const kept = kept_from_phone(call);
  return (
    <div class={kept ? 'on-air off' : 'on-air'} role="status">
      {kept ? (
        <span>The phone does not hear your microphone: the call is {kept}</span>
      ) : (
        <>
          <span class="lamp" aria-hidden="true" /> On air: the phone hears your microphone
        </>
      )}
      <button type="button" class="button small" onClick={stop_talking}>
        Stop talking
      </button>
    </div>
  );
}

function Head({ known, whole }: { known: Known; whole: boolean }) {
  const { call } = known;
  const ms = running_ms(known, now.value);
  const who = pretty_number(peer(call));
  return (
    <header class="call-head">
      <span class={`badge ${state_tone(call)}`}>
        <span class="dot" aria-hidden="true" />
        {state_words(call)}
      </span>
      <h2>
        <Icon name={call.direction} />
        <span class="sr">{call.direction === 'inbound' ? 'From' : 'To'}</span>{' '}
        {whole ? who : <a href={`/calls/${encodeURIComponent(call.call)}`}>{who}</a>}
      </h2>
      <RecordingSign call={call} />
      {call.local.focus && (
        <span class="chip" title="The microphone and speakers of the machine are this call's">
          <Icon name="focus" /> Focus
        </span>
      )}
      {call.parent && <span class="chip">Transfer target</span>}
      <time class="timer" role="timer" aria-label={spoken_clock(ms)}>
        {clock(ms)}
      </time>
    </header>
  );
}

const kAgentStatus: Record<string, string> = {
  connecting: 'getting ready',
  ready: 'ready',
  lost: 'lost, coming back',
  gone: 'gone',
};
const kAgentModes: Record<string, string> = {
  whisper: 'you whisper to it',
  together: 'you both speak',
  'taken-over': 'you have taken over',
};

function Facts({ known }: { known: Known }) {
  const { call } = known;
  const last = call.turns?.last_ms?.total;
  return (
    <ul class="facts">
      {call.agent && (
        <li class={call.agent.status === 'lost' || call.agent.status === 'gone' ? 'warn' : ''}>
          <Icon name="agent" />
          <span>
            {call.agent.name}: {kAgentModes[call.agent.mode] ?? kAgentStatus[call.agent.status] ?? call.agent.status}
            {call.agent.reason ? ` (${call.agent.reason})` : ''}
          </span>
        </li>
      )}
      {last !== undefined && <li>Last answer after {millis(last)}</li>}
      {call.answered_by && call.answered_by !== 'unknown' && <li>Answered by {call.answered_by.replaceAll('_', ' ')}</li>}
      {!call.streaming && call.state === 'in-progress' && !is_handed_over(call) && <li class="warn">No sound right now</li>}
      <RecordingFacts known={known} />
      {call.local.muted && <li>Muted</li>}
      {call.local.solo && <li>Solo</li>}
      {known.ears > 0 && (
        <li>
          {known.ears} listening{known.talkers > 0 ? `, ${known.talkers} talking` : ''}
        </li>
      )}
      {ear_call.value === call.call && ear_stats.value && (
        <li title="How much sound this browser holds back to even out the network">Buffer here {millis(ear_stats.value.depth_ms)}</li>
      )}
    </ul>
  );
}

function TransferRow({ call, actions }: { call: Call; actions: Actions }) {
  const transfer = call.transfer;
  if (!transfer) return null;
  return (
    <div class="transfer-row" role="status">
      <Icon name="transfer" />
      <span>{transfer_words(transfer)}</span>
      {transfer.mode === 'warm' && transfer.status === 'briefing' && (
        <ActionButton actions={actions} name="join" kind="primary" act={() => post(call_path(call.call, '/transfer/join'))}>
          Join them
        </ActionButton>
      )}
      {transfer.status !== 'joining' && !is_handed_over(call) && (
        <ActionButton actions={actions} name="cancel-transfer" act={() => post(call_path(call.call, '/transfer/cancel'))}>
          Cancel the transfer
        </ActionButton>
      )}
    </div>
  );
}

export function RingRow({ call, actions }: { call: Call; actions: Actions }) {
  return (
    <div class="controls">
      <ActionButton actions={actions} name="accept" kind="good" icon="dial" act={change(call, '/accept')}>
        Accept
      </ActionButton>
      <ActionButton actions={actions} name="reject" kind="danger" icon="hangup" act={change(call, '/reject')}>
        Reject
      </ActionButton>
    </div>
  );
}

function Controls({ call, actions, open }: { call: Call; actions: Actions; open: (what: Open) => void }) {
  const gone = is_handed_over(call);
  const up = call.state === 'in-progress' && !gone;
  const { local } = call;
  const hearing = ear_call.value === call.call && ear_state.value !== 'off';
  const speaking = on_air.value && ear_call.value === call.call;
  const heard = call_on_air.value === call.call;
  const moved = call.transfer !== undefined && is_transfer_open(call.transfer.status);
  const opener = (what: Open, words: string, icon: 'keypad' | 'transfer' | 'agent' | 'say' | 'hangup', off = false) => (
    <button
      type="button"
      class={`button${what === 'hangup' ? ' danger' : ''}`}
      data-action={what}
      aria-haspopup="dialog"
      disabled={off || !online.value}
      onClick={() => open(what)}
    >
      <Icon name={icon} />
      <span>{words}</span>
    </button>
  );
  return (
    <>
      <div class="controls" role="group" aria-label="What to do with this call">
        <ActionButton
          actions={actions}
          name="listen"
          icon="listen"
          pressed={hearing}
          disabled={!up && !hearing}
          act={async () => (hearing ? stop_listening() : await listen(call.call))}
        >
          {hearing ? 'Listening' : 'Listen'}
        </ActionButton>
        <ActionButton
          actions={actions}
          name="talk"
          icon="talk"
          kind={heard ? 'danger' : 'plain'}
          pressed={speaking}
          disabled={!speaking && (!up || mouth_opening.value)}
          act={async () => (speaking ? stop_talking() : await talk(call.call))}
        >
          {heard ? 'On air' : speaking ? 'Not heard' : 'Talk'}
        </ActionButton>
        <ActionButton
          actions={actions}
          name="mute"
          icon="mute"
          pressed={local.muted}
          disabled={!up}
          title="The phone hears nobody of this side: neither the microphone of the machine nor those who talk in browsers. An agent is heard."
          act={change(call, local.muted ? '/unmute' : '/mute')}
        >
          {local.muted ? 'Muted' : 'Mute'}
        </ActionButton>
        <ActionButton
          actions={actions}
          name="hold"
          icon={local.held ? 'resume' : 'hold'}
          pressed={local.held}
          disabled={!up || moved}
          act={change(call, local.held ? '/resume' : '/hold')}
        >
          {local.held ? 'On hold' : 'Hold'}
        </ActionButton>
        {opener('keypad', 'Keys', 'keypad', !up)}
        {opener('transfer', 'Transfer', 'transfer', !up || moved)}
        {opener('agent', 'Agent', 'agent')}
        {opener('say', 'Say', 'say', !up)}
        {call.agent && <TakeOver call={call} actions={actions} />}
        <RecordButtons call={call} actions={actions} />
        <span class="push">{opener('hangup', gone ? 'Let go' : 'Hang up', 'hangup')}</span>
      </div>
      <LocalRow call={call} actions={actions} />
    </>
  );
}

function TakeOver({ call, actions }: { call: Call; actions: Actions }) {
  const taken = call.agent?.mode === 'taken-over';
  return (
    <ActionButton
      actions={actions}
      name="take-over"
      icon="agent"
      kind={taken ? 'good' : 'plain'}
      act={async () => learn(await put<Call>(call_path(call.call, '/agent'), { mode: taken ? 'speaks' : 'taken-over' }))}
    >
      {taken ? 'Hand back' : 'Take over'}
    </ActionButton>
  );
}

/** How the machine's own speakers and microphone treat this call among the others. */
function LocalRow({ call, actions }: { call: Call; actions: Actions }) {
  const { local } = call;
  const volume = local.volume ?? 100;
  return (
    <details class="local">
      <summary>Speakers of the machine</summary>
      <div class="local-row">
        <label class="slider">
          <Icon name="volume" />
          <span>Volume {volume} %</span>
          <input
            type="range"
            min={0}
            max={100}
            step={5}
            value={volume}
            disabled={!online.value}
            onChange={(event) => {
              const percent = Number(event.currentTarget.value);
              void actions.run('volume', change(call, '/volume', { percent }));
            }}
          />
        </label>
        <ActionButton actions={actions} name="focus" icon="focus" pressed={local.focus} disabled={local.focus} act={change(call, '/focus')}>
          {local.focus ? 'Has the focus' : 'Give it the focus'}
        </ActionButton>
        <ActionButton actions={actions} name="solo" pressed={local.solo === true} act={change(call, local.solo ? '/unsolo' : '/solo')}>
          Solo
        </ActionButton>
        <ActionButton actions={actions} name="clear" title="What waits to be said to the phone is thrown away" act={change(call, '/clear')}>
          Cut off what is said
        </ActionButton>
      </div>
    </details>
  );
}

/** Shown once, at the first card: the problem may concern a call that is gone. */
function EarProblem({ call }: { call: Call }) {
  const first = document.querySelector('[data-call-card]')?.getAttribute('data-call-card');
  if (first && first !== call.call) return null;
  return (
    <p class="problem" role="alert">
      {ear_problem.value}
    </p>
  );
}
