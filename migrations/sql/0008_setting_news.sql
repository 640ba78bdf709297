SET LOCAL ROLE changegate_owner;

-- News of a change of settings reaches every API process, as that of flags does.
CREATE FUNCTION announce_setting_space() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('changegate_settings', NEW.tenant_id || ' ' || NEW.environment || ' ' || NEW.epoch);
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER UPDATE OF epoch ON setting_space FOR EACH ROW EXECUTE FUNCTION announce_setting_space();
