// A sparkline in SVG: the last day as a line, the next as a lighter one with its band, "now" between them. No axes: the number beside it says the rest.
export interface SparkPoint { ms: number; value: number }

interface Props { past: SparkPoint[]; future: SparkPoint[]; now: number; colour: string; label: string; width?: number; height?: number; zero?: boolean }

export function Sparkline({ past, future, now, colour, label, width = 220, height = 46, zero = false }: Props) {
  const all = [...past, ...future];
  const first = all[0];
  const last = all[all.length - 1];
  if (!first || !last || all.length < 2) return <div class="spark spark-empty" aria-hidden="true" />;
  const values = all.map((point) => point.value);
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (zero) low = Math.min(0, low);
  if (high - low < 1e-9) high = low + 1;
  const x = (ms: number) => ((ms - first.ms) / (last.ms - first.ms || 1)) * (width - 6) + 3;
  const y = (value: number) => height - 4 - ((value - low) / (high - low)) * (height - 8);
  const path = (points: SparkPoint[]) => points.map((point, i) => `${i ? "L" : "M"}${x(point.ms).toFixed(1)},${y(point.value).toFixed(1)}`).join("");
  const newest = past[past.length - 1];
  const oldest = past[0];
  const base = (height - 4).toFixed(1);
  return (
    <svg class={`spark ${colour}`} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {newest && oldest && <path class="spark-area" d={`${path(past)}L${x(newest.ms).toFixed(1)},${base}L${x(oldest.ms).toFixed(1)},${base}Z`} />}
      {now > first.ms && now < last.ms && <line class="spark-now" x1={x(now)} x2={x(now)} y1="0" y2={height} />}
      {future.length > 1 && <path class="spark-future" d={path(newest ? [newest, ...future] : future)} />}
      {past.length > 1 && <path class="spark-past" d={path(past)} />}
    </svg>
  );
}
