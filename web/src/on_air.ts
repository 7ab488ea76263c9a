// Whom the phone of a call hears: an open microphone is on the air only while its call is neither muted nor held
// nor with somebody else.

import { computed } from '@preact/signals';
import { ear_call, on_air } from './audio/ear';
import { is_handed_over, is_transfer_open } from './format';
import { model } from './store';
import type { Call } from './types';

/** Why a call's phone hears no live voice of this side: "muted", "on hold" and the like; empty: it hears them. */
export function kept_from_phone(call: Pick<Call, 'local' | 'transfer'>): string {
  if (is_handed_over(call)) return 'transferred';
  if (call.transfer?.mode === 'cold' && is_transfer_open(call.transfer.status)) return 'being transferred';
  return call.local.held ? 'on hold' : call.local.muted ? 'muted' : '';
}

/** The call whose phone hears this browser's microphone now; empty: none does. */
export const call_on_air = computed(() => {
  const known = on_air.value ? model.value.get(ear_call.value) : undefined;
  return known && kept_from_phone(known.call) === '' ? ear_call.value : '';
});
