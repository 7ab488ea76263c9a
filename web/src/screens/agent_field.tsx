// Which agent: one that the program knows, or another one by its address.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { kByAddress, type ChosenAgent, chosen_agent, named_agent } from '../orders';
import type { Agents } from '../types';
import type { Actions } from '../ui/actions';
import { SelectField, TextField } from '../ui/fields';

export interface AgentChooser {
  name: Signal<string>;
  address: Signal<string>;
  /** What is chosen. */
  chosen(): ChosenAgent;
  /** The name or address for the API; empty: none, or none yet. */
  named(): string;
  /** Chooses it by the name or address that the API has. */
  choose(text: string): void;
}

export function use_agent_chooser(): AgentChooser {
  const name = useSignal('');
  const address = useSignal('');
  const chosen = () => ({ name: name.value, address: address.value });
  return {
    name,
    address,
    chosen,
    named: () => named_agent(chosen()),
    choose: (text) => {
      const next = chosen_agent(text);
      name.value = next.name;
      address.value = next.address;
    },
  };
}

interface AgentFieldProps {
  label: string;
  /** The words for no agent, where that can be chosen. */
  none?: string;
  chooser: AgentChooser;
  agents: Agents | null;
  actions: Actions;
}

export function AgentField({ label, none, chooser, agents, actions }: AgentFieldProps) {
  const by_address = chooser.name.value === kByAddress;
  const problem = agents?.agents.find((choice) => choice.name === chooser.name.value)?.problem;
  useEffect(() => {
    // It was about another choice.
    if (actions.field.value === 'agent') actions.problem.value = actions.field.value = '';
  }, [chooser.name.value]);
  return (
    <>
      {/* What is wrong with an address is told at the address. */}
      <SelectField label={label} value={chooser.name} actions={actions} name={by_address ? 'listed' : 'agent'}>
        {none !== undefined && <option value="">{none}</option>}
        {agents?.agents.map((choice) => (
          <option key={choice.name} value={choice.name} disabled={!choice.ready}>
            Agent: {choice.name}
            {choice.ready ? '' : ' (not set up)'}
          </option>
        ))}
        <option value={kByAddress}>Another agent, by address</option>
      </SelectField>
      {by_address && (
        <TextField label="Address of the agent" name="agent" url actions={actions} placeholder="wss://host/path" value={chooser.address} />
      )}
      {problem && <p class="hint warn">{problem}</p>}
    </>
  );
}
