// The built-in Twilio: calls that come in, phones that answer, things that go wrong, and what it all would have cost.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { get, post, put } from '../api';
import { dialable, pretty_number, when } from '../format';
import { epoch, model, online } from '../store';
import type { EmulatorInfo, Ledger } from '../types';
import { ActionButton, ActionForm, ActionNote, useActions } from '../ui/actions';
import { TextField } from '../ui/fields';

export function Emulator() {
  const actions = useActions();
  const info = useSignal<EmulatorInfo | null>(null);
  const load = async () => {
    info.value = await get<EmulatorInfo>('/emulator');
  };
  useEffect(() => {
    if (online.value) void actions.run('emulator', load);
  }, [epoch.value]);
  return (
    <>
      <h1 tabIndex={-1}>Emulator</h1>
      <ActionNote actions={actions} />
      {info.value && (
        <>
          <p class="hint">
            The built-in Twilio at <code>{info.value.url}</code>: nobody is really called, and nothing costs money.
          </p>
          <div class="columns even">
            <IncomingCall info={info.value} />
            <Personas info={info.value} />
          </div>
          <Faults info={info.value} learn={(faults) => (info.value = info.value ? { ...info.value, faults } : null)} />
          <LedgerPart />
        </>
      )}
    </>
  );
}

function IncomingCall({ info }: { info: EmulatorInfo }) {
  const actions = useActions();
  const from = useSignal('+12025550123');
  const to = useSignal('');
  const persona = useSignal('');
  const place = async () => {
    const body: Record<string, string> = {};
    if (from.value.trim()) body['from'] = dialable(from.value);
    if (to.value.trim()) body['to'] = dialable(to.value);
    if (persona.value.trim()) body['persona'] = persona.value.trim();
    await post('/emulator/incoming-call', body);
  };
  return (
    <ActionForm class="card" labelled_by="incoming-form" actions={actions} name="place" act={place} ready done="The call comes in.">
      <h2 id="incoming-form">A call comes in</h2>
      <TextField label="From" dial name="from" value={from} />
      <TextField label="To" dial name="to" placeholder="the account's first number" value={to} />
      <TextField label="Who it is" name="persona" list="persona-names" placeholder="as the caller's number has it" value={persona}>
        <datalist id="persona-names">
          {info.personas.map((one) => (
            <option key={one.name + (one.number ?? '')} value={one.name}>
              {one.description}
            </option>
          ))}
        </datalist>
      </TextField>
      <ActionNote actions={actions} />
      <ActionButton actions={actions} name="place" kind="primary">
        Place the call
      </ActionButton>
    </ActionForm>
  );
}

function Personas({ info }: { info: EmulatorInfo }) {
  return (
    <section class="card" aria-labelledby="phones">
      <h2 id="phones">Phones that answer</h2>
      <ul class="list">
        {info.personas.map((persona) => (
          <li key={persona.name + (persona.number ?? '')}>
            <div>
              <b>{persona.name}</b>
              <small>{persona.description}</small>
            </div>
            {persona.number && <a href={`/dial?to=${encodeURIComponent(persona.number)}`}>{pretty_number(persona.number)}</a>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Faults({ info, learn }: { info: EmulatorInfo; learn: (faults: Record<string, unknown>) => void }) {
  const actions = useActions();
  const edited = useSignal<Record<string, string>>({});
  const now = (name: string) => {
    const value = info.faults[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : 'ok';
  };
  const set = async () => {
    learn(await put<Record<string, unknown>>('/emulator/faults', { ...edited.value }));
    edited.value = {};
  };
  const behave = async () => {
    const well = Object.fromEntries(info.faults_known.map((fault) => [fault.name, 'ok']));
    learn(await put<Record<string, unknown>>('/emulator/faults', well));
    edited.value = {};
  };
  const wrong = info.faults_known.filter((fault) => now(fault.name) !== 'ok').length;
  return (
    <ActionForm
      class="card"
      labelled_by="faults"
      actions={actions}
      name="set"
      act={set}
      ready={Object.keys(edited.value).length > 0}
      done="Set."
    >
      <h2 id="faults">Faults</h2>
      <p class="hint">
        {wrong === 0 ? 'Everything behaves.' : `${wrong} ${wrong === 1 ? 'switch is' : 'switches are'} on.`} <code>ok</code> switches one
        off.
      </p>
      <div class="fault-grid">
        {info.faults_known.map((fault) => (
          <label key={fault.name} class={`field${now(fault.name) === 'ok' ? '' : ' on'}`}>
            {fault.name}
            <input
              type="text"
              autocomplete="off"
              spellcheck={false}
              placeholder={fault.value}
              value={edited.value[fault.name] ?? now(fault.name)}
              onInput={(event) => {
                edited.value = { ...edited.value, [fault.name]: event.currentTarget.value };
              }}
            />
            <small>{fault.description}</small>
          </label>
        ))}
      </div>
      <ActionNote actions={actions} />
      <div class="controls">
        <ActionButton actions={actions} name="set" kind="primary" disabled={Object.keys(edited.value).length === 0}>
          Set
        </ActionButton>
        <ActionButton actions={actions} name="behave" act={behave} done="Everything behaves again." disabled={wrong === 0}>
          Behave again
        </ActionButton>
      </div>
    </ActionForm>
  );
}

function LedgerPart() {
  const actions = useActions();
  const ledger = useSignal<Ledger | null>(null);
  const load = async () => {
    ledger.value = await get<Ledger>('/emulator/ledger');
  };
  // Each change of a call's state is one in the ledger.
  const states = [...model.value.values()].map((known) => known.call.call + known.call.state).join();
  useEffect(() => {
    if (online.value) void actions.run(`ledger ${performance.now()}`, load);
  }, [epoch.value, states]);
  const of = ledger.value;
  return (
    <section class="card" aria-labelledby="ledger">
      <div class="title-row">
        <h2 id="ledger">Ledger</h2>
        <ActionButton actions={actions} name="ledger" act={load}>
          Look again
        </ActionButton>
      </div>
      <ActionNote actions={actions} />
      {of && (
        <p class="hint">
          {of.open === 0 ? 'No call is open.' : `${of.open} open.`} {Math.round(of.billed_seconds / 60)} minutes would have been billed.
        </p>
      )}
      {of && of.calls.length > 0 && (
        <div class="table-box" tabIndex={0} role="region" aria-label="The emulator's ledger">
          <table>
            <thead>
              <tr>
                <th scope="col">Created</th>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <th scope="col">Status</th>
                <th scope="col">Seconds</th>
                <th scope="col">Billed</th>
              </tr>
            </thead>
            <tbody>
              {of.calls
                .slice(-100)
                .reverse()
                .map((call) => (
                  <tr key={call.sid}>
                    <td>{when(call.created)}</td>
                    <td>{pretty_number(call.from)}</td>
                    <td>{pretty_number(call.to)}</td>
                    <td>{call.status}</td>
                    <td class="number">{call.call_seconds.toFixed(1)}</td>
                    <td class="number">{call.billed_seconds}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
