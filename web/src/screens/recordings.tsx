// Every recording that is kept, newest first: to hear, to take away, to delete.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { get, remove } from '../api';
import { clock, peer, pretty_number, size, when } from '../format';
import { epoch, online } from '../store';
import type { RecordingEntry } from '../types';
import { ActionButton, ActionNote, useActions } from '../ui/actions';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { recording_url } from '../ui/player';

interface Page {
  recordings: RecordingEntry[];
  next: string | null;
}

const address = (cursor?: string | null) => `/recordings?${new URLSearchParams({ limit: '50', ...(cursor ? { cursor } : {}) })}`;

/** Whose recording it is, as far as it is known. */
function name_of(entry: RecordingEntry): string {
  if (!entry.direction) return entry.name;
  const number = pretty_number(peer({ direction: entry.direction, to: entry.to ?? '', from: entry.from ?? '' }));
  return `${entry.direction === 'inbound' ? 'From' : 'To'} ${number}`;
}

export function Recordings() {
  const actions = useActions();
  const entries = useSignal<RecordingEntry[] | null>(null);
  const next = useSignal<string | null>(null);
  const deleting = useSignal<RecordingEntry | null>(null);
  useEffect(() => {
    if (!online.value) return;
    void actions.run(`list ${performance.now()}`, async () => {
      const page = await get<Page>(address());
      entries.value = page.recordings;
      next.value = page.next;
    });
  }, [epoch.value]);
  const more = async () => {
    const page = await get<Page>(address(next.value));
    entries.value = [...(entries.value ?? []), ...page.recordings];
    next.value = page.next;
  };
  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>Recordings</h1>
        <a class="button" href="/history">
          <Icon name="history" />
          <span>History</span>
        </a>
      </div>
      <ActionNote actions={actions} />
      {entries.value === null ? (
        <p class="hint" role="status">
          {actions.problem.value ? '' : 'Loading…'}
        </p>
      ) : entries.value.length === 0 ? (
        <div class="empty">
          <Icon name="record" />
          <p>Nothing is recorded.</p>
        </div>
      ) : (
        <ul class="rows card" aria-label="Recordings">
          {entries.value.map((entry) => (
            <Row key={entry.name} entry={entry} on_delete={() => (deleting.value = entry)} />
          ))}
        </ul>
      )}
      {next.value && (
        <ActionButton actions={actions} name="more" act={more}>
          Show older recordings
        </ActionButton>
      )}
      {deleting.value && (
        <DeleteDialog
          entry={deleting.value}
          on_close={() => (deleting.value = null)}
          on_deleted={(name) => (entries.value = entries.value?.filter((entry) => entry.name !== name) ?? null)}
        />
      )}
    </>
  );
}

function Row({ entry, on_delete }: { entry: RecordingEntry; on_delete: () => void }) {
  const name = name_of(entry);
  const [format] = entry.formats;
  return (
    <li class="row" data-recording={entry.name}>
      <a href={`/calls/${encodeURIComponent(entry.call)}`}>
        <span class="row-main">
          <b>{name}</b>
          <small>
            {when(entry.began)} · {size(entry.bytes)}
            {entry.source === 'twilio' ? ' · recorded by Twilio' : ''}
            {entry.live ? ' · under way' : ''}
          </small>
        </span>
        <span class="row-end">{clock(entry.duration_ms)}</span>
      </a>
      {format && (
        <a
          class="button quiet small"
          href={recording_url(entry.call, format)}
          download={`${entry.name}.${format}`}
          aria-label={`Save the recording ${name}, ${when(entry.began)}`}
        >
          <Icon name="download" />
        </a>
      )}
      <button
        type="button"
        class="button quiet small"
        data-action="delete"
        aria-haspopup="dialog"
        aria-label={`Delete the recording ${name}, ${when(entry.began)}`}
        disabled={!online.value || entry.live}
        onClick={on_delete}
      >
        <Icon name="delete" />
      </button>
    </li>
  );
}

interface DeleteProps {
  entry: RecordingEntry;
  on_close: () => void;
  on_deleted: (name: string) => void;
}

function DeleteDialog({ entry, on_close, on_deleted }: DeleteProps) {
  const actions = useActions();
  return (
    <Dialog title="Delete this recording?" on_close={on_close} role="alertdialog" name="delete-recording">
      <p>
        {name_of(entry)}, {when(entry.began)}, {clock(entry.duration_ms)}. It is gone for good; the call stays in the history.
      </p>
      <ActionNote actions={actions} />
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={on_close}>
          Keep it
        </button>
        <ActionButton
          actions={actions}
          name="delete"
          kind="danger"
          icon="delete"
          of="confirm-delete"
          act={async () => {
            await remove(`/recordings/${encodeURIComponent(entry.name)}`);
            on_deleted(entry.name);
            on_close();
          }}
        >
          Delete the recording
        </ActionButton>
      </div>
    </Dialog>
  );
}
