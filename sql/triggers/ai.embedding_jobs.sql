-- What one row of embedding_jobs needs.
create or replace trigger forbid_agency_change
before update on ai.embedding_jobs
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
)
execute function app.forbid_agency_change();
