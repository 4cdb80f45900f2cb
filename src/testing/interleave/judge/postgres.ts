import { type ComparedEngine, gap } from './engine.ts';

const own = `nspname <> 'information_schema' and nspname !~ '^pg_'`;
const full = (relation: string, schema: string): string =>
  `quote_ident(${schema}.nspname) || '.' || quote_ident(${relation}.relname)`;

export const postgresEngine: ComparedEngine = {
  names: `
    select 'table' as kind, c.relname::text as name, ${full('c', 'n')} as text
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where relkind in ('r', 'p') and not relispartition and ${own}
    union all select 'sequence', c.relname::text, ${full('c', 'n')}
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where relkind = 'S' and ${own}
    union all select 'other', c.relname::text, pg_get_viewdef(c.oid)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where relkind = 'v' and ${own}
    union all select 'other', p.proname::text, pg_get_functiondef(p.oid)
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
      where prokind in ('f', 'p') and lanname in ('sql', 'plpgsql') and ${own}
    union all select 'other', c.relname::text, p.proname::text
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid where not tgisinternal
    union all select 'other', parent.relname::text, child.relname::text
      from pg_constraint f join pg_class parent on parent.oid = f.confrelid join pg_class child on child.oid = f.conrelid
      where contype = 'f' and (confdeltype not in ('a', 'r') or confupdtype not in ('a', 'r'))
    union all select 'other', c.relname::text, s.relname::text
      from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_class c on c.oid = d.refobjid
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')`,
  columns: `
    select ${full('c', 'n')} as "tableName", a.attname::text as "columnName",
      case when exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indpred is null
        and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) then '1' else '0' end as "isKey",
      ${full('rc', 'rn')} as "refTable", ra.attname::text as "refColumn", '' as "type"
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_constraint f on f.conrelid = c.oid and f.contype = 'f' and f.conkey = array[a.attnum]
    left join pg_class rc on rc.oid = f.confrelid left join pg_namespace rn on rn.oid = rc.relnamespace
    left join pg_attribute ra on ra.attrelid = f.confrelid and ra.attnum = f.confkey[1]
    where c.relkind in ('r', 'p') and not c.relispartition and n.${own.replace('and nspname', 'and n.nspname')}
    order by 1, a.attnum`,
  asText: (quoted) => `${quoted}::text`,
  advance: (ask, sequence) =>
    ask(`select count(nextval('${sequence.replaceAll("'", "''")}'))::text from generate_series(1, ${gap})`),
  useTransaction: (ask) => ask('select txid_current()::text'),
};
