// The section of the page of benchmarks on message brokers.
import { show } from '../show.ts';
import type { BrokerFigure } from './suite.ts';

export function brokersSection(figures: readonly BrokerFigure[], node: string, load: string): string {
  const [first] = figures;
  const rows = figures.map(
    ({ workload, throughput, throughputSpread, cpu, cpuSpread, relayed, published }) =>
      `| ${workload} | ${relayed.toLocaleString('en')} | ${published.toLocaleString('en')} | ${show(throughput, throughputSpread)} | ${show(cpu, cpuSpread)} |`,
  );
  return `## Message brokers

${((first?.rounds ?? 0) * (first?.messages ?? 0)).toLocaleString('en')} messages of the [outbox](brokers.md) into each broker, in batches of 500: claimed, published, confirmed and deleted by one relay, with 1,000 keys. What is 1 is the broker's client alone, which publishes as many, confirmed, in batches of 500 and out of no table. ${first?.rounds} interleaved rounds of ${first?.messages.toLocaleString('en')} on Node.js ${node.replace('v', '')}, \`npm run bench -- --only brokers\`; after each round the broker has to have all messages, and each once. \`npm run bench:page\` makes this section of the output of \`--json\`. ${load}

| | relayed in a second | the client in a second | throughput, the client = 1 | processor time, the client = 1 |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** Puts the section into the page, in the place of the one before. */
export function withBrokers(page: string, section: string): string {
  const [title, next] = ['## Message brokers\n', '## Caches\n'];
  const end = page.indexOf(next);
  if (end < 0) throw new Error(`the page has no ${next.trim()}, before which brokers are`);
  const start = page.indexOf(title);
  return `${page.slice(0, start < 0 ? end : start)}${section}\n${page.slice(end)}`;
}
