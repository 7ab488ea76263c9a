// What the program runs with, and whether the way to the telephone is clear.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Problem, get, post, sentence } from '../api';
import { pretty_number, when } from '../format';
import { help_open } from '../keys';
import { shortcuts, theme, type Theme } from '../preferences';
import { epoch, log_out, online, session } from '../store';
import type { Devices, Finding, OwnNumber, ReturnedNumber, Setting } from '../types';
import { ActionButton, ActionNote, useActions } from '../ui/actions';

export function Settings() {
  return (
    <>
      <h1 tabIndex={-1}>Settings</h1>
      <Doctor />
      <div class="columns even">
        <DevicesPart />
        <Numbers />
      </div>
      <Configuration />
      <ThisPage />
    </>
  );
}

const kStatus: Record<Finding['status'], string> = {
  ok: 'OK',
  warning: 'Warning',
  failed: 'Failed',
  skipped: 'Skipped',
};

function Doctor() {
  const actions = useActions();
  const findings = useSignal<Finding[] | null>(null);
  const check = async () => {
    findings.value = (await get<{ findings: Finding[] }>('/doctor', { patience: 90_000 })).findings;
  };
  useEffect(() => {
    if (online.value) void actions.run('check', check);
  }, [epoch.value]);
  const busy = actions.pending.value.has('check');
  return (
    <section class="card" aria-labelledby="doctor">
      <div class="title-row">
        <h2 id="doctor">Doctor</h2>
        <ActionButton actions={actions} name="check" act={check}>
          {busy ? 'Checking…' : 'Check again'}
        </ActionButton>
      </div>
      <ActionNote actions={actions} />
      <p role="status" class="hint">
        {busy && findings.value === null
          ? 'The whole way is being checked; this takes a few seconds.'
          : findings.value
            ? in_short(findings.value)
            : ''}
      </p>
      {findings.value && (
        <ul class="findings">
          {findings.value.map((finding) => (
            <li key={finding.id} class={finding.status}>
              <span class={`tag ${finding.status}`}>{kStatus[finding.status] ?? finding.status}</span>
              <div>
                <b>{finding.title}</b>
                <p>{finding.detail}</p>
                {finding.fix && (
                  <p class="fix">
                    <b>To mend it:</b> {finding.fix}
                  </p>
                )}
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function in_short(findings: readonly Finding[]): string {
  const count = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length;
  const failed = count('failed');
  const warnings = count('warning');
  if (failed + warnings === 0) return 'Nothing is wrong.';
  const parts = [];
  if (failed > 0) parts.push(`${failed} failed`);
  if (warnings > 0) parts.push(`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`);
  return parts.join(', ') + '.';
}

function DevicesPart() {
  const actions = useActions();
  const devices = useSignal<Devices | null>(null);
  const load = async () => {
    devices.value = await get<Devices>('/devices');
  };
  useEffect(() => {
    if (online.value) void actions.run('devices', load);
  }, [epoch.value]);
  const list = (kind: 'outputs' | 'inputs', in_use: string | null | undefined) => {
    const all = devices.value?.[kind] ?? [];
    if (all.length === 0) return <p class="hint">None.</p>;
    return (
      <ul class="list">
        {all.map((device) => (
          <li key={device.id}>
            <div>
              {device.name}
              <small>
                {Math.round(device.rate / 100) / 10} kHz{device.default ? ' · default' : ''}
              </small>
            </div>
            {(in_use === device.id || in_use === device.name) && <span class="tag ok">in use</span>}
          </li>
        ))}
      </ul>
    );
  };
  return (
    <section class="card" aria-labelledby="devices">
      <h2 id="devices">Sound of the machine</h2>
      <ActionNote actions={actions} />
      {devices.value && (
        <>
          <h3>Speakers</h3>
          {list('outputs', devices.value.in_use.output)}
          <h3>Microphones</h3>
          {list('inputs', devices.value.in_use.input)}
        </>
      )}
      <p class="hint">Listening and talking on this page uses the sound of this browser instead.</p>
    </section>
  );
}

function Numbers() {
  const actions = useActions();
  const numbers = useSignal<OwnNumber[] | null>(null);
  const load = async () => {
    numbers.value = (await get<{ numbers: OwnNumber[] }>('/numbers')).numbers;
  };
  useEffect(() => {
    if (online.value) void actions.run('numbers', load);
  }, [epoch.value]);
  /** Whose calls go to somebody else: taken all the same if that is asked for. */
  const theirs = useSignal<ReadonlySet<string>>(new Set());
  const take =
    (number: string, force = false) =>
    async () => {
      try {
        await post('/numbers/use', { number, force });
      } catch (error) {
        if (error instanceof Problem && error.code === 'taken') theirs.value = new Set(theirs.value).add(number);
        throw error;
      }
      theirs.value = new Set([...theirs.value].filter((one) => one !== number));
      await load();
    };
  const give_back = (number: string) => async () => {
    const { returned } = await post<{ returned: ReturnedNumber[] }>('/numbers/restore', { number });
    await load();
    if (returned.length === 0)
      throw new Error('It was not agentbridge that sent its calls here, so it does not know where they went before.');
    const kept = returned.find((one) => one.what !== 'returned' && one.what !== 'already returned');
    if (kept) throw new Error(sentence(kept.detail));
  };
  return (
    <section class="card" aria-labelledby="numbers">
      <h2 id="numbers">Numbers</h2>
      <ActionNote actions={actions} />
      {numbers.value && numbers.value.length === 0 && <p class="hint">The account has none.</p>}
      <ul class="list">
        {numbers.value?.map((own) => (
          <li key={own.sid}>
            <div>
              <b>{pretty_number(own.number)}</b> {own.name && own.name !== own.number && <small>{own.name}</small>}
              <small class="break">{own.voice_url ? `calls go to ${own.voice_url}` : 'calls go nowhere'}</small>
            </div>
            {own.here ? (
              <ActionButton actions={actions} name={`restore ${own.number}`} act={give_back(own.number)} done="Given back.">
                Give back
              </ActionButton>
            ) : (
              <ActionButton actions={actions} name={`use ${own.number}`} act={take(own.number)} done="Its calls come here now.">
                Take its calls
              </ActionButton>
            )}
            {!own.here && theirs.value.has(own.number) && (
              <ActionButton
                actions={actions}
                name={`force ${own.number}`}
                kind="danger"
                title="Where its calls go now is remembered, and put back when it is given back"
                act={take(own.number, true)}
                done="Its calls come here now."
              >
                Take them from there
              </ActionButton>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Configuration() {
  const actions = useActions();
  const settings = useSignal<Setting[] | null>(null);
  const filter = useSignal('');
  const set_only = useSignal(true);
  useEffect(() => {
    if (!online.value) return;
    void actions.run('config', async () => {
      settings.value = (await get<{ settings: Setting[] }>('/config')).settings;
    });
  }, [epoch.value]);
  const wanted = filter.value.trim().toLowerCase();
  const shown = (settings.value ?? []).filter(
    (setting) =>
      (!set_only.value || (setting.origin !== 'default' && setting.origin !== 'unset')) &&
      [setting.name, setting.value ?? ''].some((text) => text.toLowerCase().includes(wanted)),
  );
  return (
    <section class="card" aria-labelledby="configuration">
      <h2 id="configuration">Effective configuration</h2>
      <ActionNote actions={actions} />
      <div class="filters">
        <label class="field inline">
          Find
          <input
            type="search"
            value={filter.value}
            onInput={(event) => {
              filter.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={set_only.value}
            onChange={(event) => {
              set_only.value = event.currentTarget.checked;
            }}
          />
          Only what differs from its default
        </label>
      </div>
      {settings.value && (
        <div class="table-box" tabIndex={0} role="region" aria-label="Settings and where they come from">
          <table>
            <thead>
              <tr>
                <th scope="col">Setting</th>
                <th scope="col">Value</th>
                <th scope="col">From</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((setting) => (
                <tr key={setting.name}>
                  <td>
                    <code>{setting.name}</code>
                  </td>
                  <td class={setting.secret ? 'secret' : 'break'}>{setting.value || '–'}</td>
                  <td>{setting.origin}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {settings.value && shown.length === 0 && <p class="hint">No such setting.</p>}
    </section>
  );
}

const kThemes: readonly [Theme, string][] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

function ThisPage() {
  const actions = useActions();
  const of = session.value;
  return (
    <section class="card" aria-labelledby="this-page">
      <h2 id="this-page">This page</h2>
      <fieldset class="segments">
        <legend>Colours</legend>
        {kThemes.map(([value, words]) => (
          <label key={value}>
            <input type="radio" name="theme" checked={theme.value === value} onChange={() => (theme.value = value)} />
            <span>{words}</span>
          </label>
        ))}
      </fieldset>
      <label class="check">
        <input
          type="checkbox"
          checked={shortcuts.value === 'on'}
          onChange={(event) => {
            shortcuts.value = event.currentTarget.checked ? 'on' : 'off';
          }}
        />
        Single keys do things
      </label>
      <button type="button" class="button" onClick={() => (help_open.value = true)}>
        Show the keys
      </button>
      {of && (
        <p class="hint">
          agentbridge {of.version}, process {of.pid}, running since {when(of.started)}; carrier:{' '}
          {of.carrier === 'emulator' ? 'the built-in emulator' : 'Twilio'}.
        </p>
      )}
      <ActionNote actions={actions} />
      <ActionButton actions={actions} name="log out" act={log_out}>
        Log out
      </ActionButton>
    </section>
  );
}
