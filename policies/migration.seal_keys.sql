-- The keys of sealed sessions. Schema migration needs no row-level security, but these rows are secrets:
-- only the sealer, which owns the functions that use them, reads or writes them. Not even the owner of the
-- table does.
alter table migration.seal_keys enable row level security;
alter table migration.seal_keys force row level security;

create policy "the sealer keeps the keys"
on migration.seal_keys
as permissive
for all
to gardenos_sealer
using (true)
with check (true);

grant select, insert, update, delete on table migration.seal_keys to gardenos_sealer;
