// The order in which a reader meets the pages. A page of docs/ that is not named here comes at the end of its group.

/** Names of pages as in docs/, without `.md`. Names of pages that are not there are left out. */
export const sections = [
  {
    text: 'Start',
    pages: ['start', 'http', 'nestjs', 'compatibility', 'comparison', 'limits'],
  },
  {
    text: 'Libraries',
    pages: [
      'libraries',
      'typeorm',
      'prisma',
      'drizzle',
      'kysely',
      'knex',
      'mikro-orm',
      'event-sourcing',
      'dbos',
      'models',
    ],
  },
  {
    text: 'Concepts',
    pages: [
      'transactions',
      'levels',
      'what-levels-do-not-solve',
      'caching',
      'what-you-may-still-see',
      'jobs',
      'outbox',
      'transactional-events',
      'brokers',
      'idempotency',
      'sagas',
      'two-phase',
      'context',
      'engines',
    ],
  },
  {
    text: 'Guides',
    folder: 'guides',
    pages: [
      'testing',
      'guides/find-your-lost-updates',
      'interleaving',
      'eslint',
      'guides/e2e-tests',
      'guides/multi-tenant',
      'guides/migrations-and-seeding',
      'guides/retries',
      'guides/long-transactions',
      'guides/read-after-commit',
      'guides/events',
      'guides/cron',
      'guides/workers',
      'guides/worker-threads',
      'guides/streams',
      'guides/batching',
      'guides/several-databases',
      'guides/pgbouncer',
      'guides/shutdown',
      'guides/kubernetes',
      'extending',
    ],
  },
  { text: 'Moving', pages: ['moving', 'typeorm-transactional', 'nestjs-cls'], folder: 'moving' },
  {
    text: 'Reference',
    pages: ['errors', 'warnings', 'events', 'opentelemetry', 'inspector', 'cli', 'doctor', 'verify'],
  },
  { text: 'Project', pages: ['benchmarks', 'changelog', 'security', 'contributing', 'design/index'], folder: 'design' },
];

/** The pages of each section that there are; each page of `names` is in one of them. */
export function arrange(names) {
  const known = new Set(sections.flatMap(({ pages }) => pages));
  const rest = names.filter((name) => !known.has(name));
  return sections.map(({ text, pages, folder }) => {
    const others = rest.filter((name) => {
      const inFolder = sections.find((section) => name.startsWith(`${section.folder}/`));
      return inFolder === undefined ? text === 'Guides' : inFolder.folder === folder;
    });
    return { text, pages: [...pages.filter((name) => names.includes(name)), ...others] };
  });
}
