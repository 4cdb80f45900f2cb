import type { CatalogQuestions } from './catalog.ts';

const own = `n.nspname <> 'information_schema' and n.nspname !~ '^pg_'`;
/** Objects that came with the server have lower numbers. */
const firstOwn = 16_384;

export const postgresCatalog: CatalogQuestions = {
  names: `
  with tables as (
    select c.*, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and ${own}
  ), expressions as (
    select 'pg_attrdef'::regclass as classid, oid as objid, adrelid as relid from pg_attrdef
    union all select 'pg_constraint'::regclass, oid, conrelid from pg_constraint where conrelid <> 0
    union all select 'pg_class'::regclass, indexrelid, indrelid from pg_index
  )
  select 'table' as kind, relname::text as name, nspname::text as other from tables
  union all select 'link', one.nspname || '.' || one.relname, two.nspname || '.' || two.relname
    from pg_constraint f join tables one on one.oid = f.conrelid join tables two on two.oid = f.confrelid
    where f.contype = 'f'
  union all select 'unclear', relname::text, '' from tables t
    where relkind = 'p' or relispartition or relhassubclass or relhasrules or relrowsecurity
    or exists (select from pg_trigger where tgrelid = t.oid and not tgisinternal)
    or exists (select from pg_inherits where inhrelid = t.oid)
  union all select 'unclear', c.relname::text, ''
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('v', 'm', 'f', 'S') and ${own}
  union all select 'unclear', p.proname::text, ''
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.oid >= ${firstOwn} and ${own}
  union all select 'unclear', t.relname::text, ''
    from pg_depend d join expressions e on e.classid = d.classid and e.objid = d.objid join tables t on t.oid = e.relid
    where d.refclassid = 'pg_proc'::regclass and d.refobjid >= ${firstOwn}
  union all select 'unclear', t.relname::text, ''
    from pg_depend d join pg_attrdef e on d.classid = 'pg_attrdef'::regclass and e.oid = d.objid
    join tables t on t.oid = e.adrelid join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
    where d.refclassid = 'pg_class'::regclass and not exists (
      select from pg_depend o where o.classid = 'pg_class'::regclass and o.objid = s.oid
      and o.refobjid = t.oid and o.deptype in ('a', 'i'))
  union all select 'all', '', '' from pg_constraint c join pg_depend d
    on d.classid = 'pg_constraint'::regclass and d.objid = c.oid
    where c.contypid <> 0 and d.refclassid = 'pg_proc'::regclass and d.refobjid >= ${firstOwn}
  union all select 'all', '', '' from pg_operator o join pg_namespace n on n.oid = o.oprnamespace
    where o.oid >= ${firstOwn} and ${own} and not exists (
      select from pg_depend where classid = 'pg_operator'::regclass and objid = o.oid and deptype = 'e')`,
  level: 'show default_transaction_isolation',
};
