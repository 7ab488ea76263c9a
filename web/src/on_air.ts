// Whom the phone of a call hears: an open microphone is on the air only while its call is neither muted nor held.

import { computed } from '@preact/signals';
import { ear_call, on_air } from './audio/ear';
import { model } from './store';
import type { Call } from './types';

/** Why a call's phone hears no live voice of this side: "muted", "on hold"; empty: it hears them. */
export function kept_from_phone(call: Pick<Call, 'local'>): string {
  return call.local.held ? 'on hold' : call.local.muted ? 'muted' : '';
}

/** The call whose phone hears this browser's microphone now; empty: none does. */
export const call_on_air = computed(() => {
  const known = on_air.value ? model.value.get(ear_call.value) : undefined;
  return known && kept_from_phone(known.call) === '' ? ear_call.value : '';
});
