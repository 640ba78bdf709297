SET LOCAL ROLE changegate_owner;

-- A module may be told of its gates by commands: then a fence names the one by which it was told last.
ALTER TABLE remote_module ADD COLUMN told_by text CHECK (told_by ~ '^[a-z][a-z0-9-]{0,39}\.[a-z][a-z0-9-]{0,79}$');
COMMENT ON COLUMN remote_module.told_by IS 'the type of the commands; without it, events tell the module';
GRANT UPDATE (told_by) ON remote_module TO changegate_app;

ALTER TABLE module_fence ADD COLUMN command text CHECK (command ~ '^[a-z][a-z0-9-]{0,39}/.');
COMMENT ON COLUMN module_fence.command IS 'its domain and id, of a module that is told by commands';
GRANT UPDATE (command) ON module_fence TO changegate_app;

CREATE OR REPLACE TRIGGER settled_fence_stays BEFORE UPDATE ON module_fence
  FOR EACH ROW WHEN (OLD.settled_at IS NOT NULL
    AND (OLD.state, OLD.attempts, OLD.acknowledgement, OLD.settled_at, OLD.settled_by, OLD.reason, OLD.command)
        IS DISTINCT FROM
        (NEW.state, NEW.attempts, NEW.acknowledgement, NEW.settled_at, NEW.settled_by, NEW.reason, NEW.command))
  EXECUTE FUNCTION settled_fence_stays();

RESET ROLE;
