-- What is wrong with the trail itself: a trigger missing or off, row-level security off, a month detached
-- by hand. defects: how many; an alarm above 0. Which: select * from audit.defects().
--
-- values: defects
select count(*) as defects
from audit.defects();
