// Figures with their names, side by side.

export function Figures({ rows }: { rows: readonly (readonly [string, string])[] }) {
  return (
    <dl class="figures">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
