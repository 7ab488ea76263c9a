// Calls that ring here, over everything else. Focus goes to the heading, not to a button: somebody who types when a call
// comes in accepts or rejects nothing by accident.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { peer, pretty_number } from '../format';
import type { Known } from '../model';
import { ringing_calls, urgent } from '../store';
import { ActionNote, useActions } from '../ui/actions';
import { Dialog } from '../ui/dialog';
import { RingRow } from './call_card';

export function Incoming() {
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const told = useSignal<ReadonlySet<string>>(new Set());
  const ringing = ringing_calls.value;
  useEffect(() => {
    const fresh = ringing.filter((known) => !told.peek().has(known.call.call));
    if (fresh.length === 0) return;
    told.value = new Set([...told.peek(), ...fresh.map((known) => known.call.call)].slice(-100));
    urgent.value = `Incoming call from ${fresh.map((known) => pretty_number(peer(known.call))).join(', ')}`;
    performance.mark('agentbridge:incoming');
  }, [ringing]);
  const shown = ringing.filter((known) => !hidden.value.has(known.call.call));
  if (shown.length === 0) return null;
  const hide = () => {
    hidden.value = new Set([...hidden.value, ...shown.map((known) => known.call.call)].slice(-100));
  };
  return (
    <Dialog
      title={shown.length === 1 ? 'Incoming call' : `${shown.length} incoming calls`}
      on_close={hide}
      role="alertdialog"
      name="incoming"
    >
      {shown.map((known) => (
        <Ringing key={known.call.call} known={known} />
      ))}
      <p class="hint">Escape hides this; the call keeps ringing among the live calls.</p>
    </Dialog>
  );
}

function Ringing({ known }: { known: Known }) {
  const actions = useActions();
  const { call } = known;
  return (
    <section class="ringing" data-call-card={call.call} aria-label={`Call from ${pretty_number(peer(call))}`}>
      <p class="big-number">{pretty_number(peer(call))}</p>
      {call.to && <p class="hint">to {pretty_number(call.to)}</p>}
      <RingRow call={call} actions={actions} />
      <ActionNote actions={actions} />
    </section>
  );
}
