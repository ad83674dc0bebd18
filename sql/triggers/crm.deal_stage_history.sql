-- The history is only ever added to, and ends with its deal.
create or replace trigger forbid_change
before update or delete on crm.deal_stage_history
for each row
execute function app.forbid_change('cascade', 'left_at');
