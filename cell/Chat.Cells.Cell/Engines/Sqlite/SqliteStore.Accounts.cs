using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Sqlite;

/// <summary>Accounts, handles, devices and contacts. The one writer makes each compare-and-set atomic.</summary>
public sealed partial class SqliteStore
{
    public async ValueTask<bool> ClaimHandleAsync(string handle, string userId, CancellationToken cancellationToken) => await writer.RunAsync(database =>
    {
        database["INSERT INTO handles VALUES (?1, ?2) ON CONFLICT DO NOTHING"].Bind(1, handle).Bind(2, userId).Execute();
        return FindHandle(database, handle) == userId;
    });

    public ValueTask<string?> FindHandleAsync(string handle, CancellationToken cancellationToken) => new(readers.Read(handle, FindHandle));

    public async ValueTask<bool> CreateAccountAsync(AccountRow account, CancellationToken cancellationToken) => await writer.RunAsync(database =>
    {
        var created = database["INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING"]
            .Bind(1, account.UserId)
            .Bind(2, account.Handle)
            .Bind(3, account.DisplayName)
            .Bind(4, account.PasswordHash)
            .Bind(5, account.Epoch)
            .Bind(6, account.CreatedAt)
            .Execute() == 1;
        if (created) database["UPDATE counters SET value = value + 1 WHERE name = 'accounts'"].Execute();
        return created;
    });

    public ValueTask<AccountRow?> FindAccountAsync(string userId, CancellationToken cancellationToken) =>
        new(readers.Read(userId, static (database, userId) =>
        {
            var statement = database["SELECT handle, display_name, password_hash, epoch, created_at FROM accounts WHERE user_id = ?1"].Bind(1, userId);
            try
            {
                return statement.Step() ? new AccountRow(userId, statement.Text(0), statement.Text(1), statement.Text(2), statement.Int32(3), statement.Int64(4)) : null;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<long> CountAccountsAsync(CancellationToken cancellationToken) =>
        new(readers.Read(0, static (database, _) =>
        {
            var statement = database[Sql.CountAccounts];
            try
            {
                return statement.Step() ? statement.Int64(0) : 0;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public async ValueTask PutDeviceAsync(DeviceRow device, CancellationToken cancellationToken) => await writer.RunAsync(database =>
        database["INSERT OR REPLACE INTO devices VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"]
            .Bind(1, device.UserId)
            .Bind(2, device.DeviceId)
            .Bind(3, device.Name)
            .Bind(4, device.Kind)
            .Bind(5, device.RefreshHash)
            .Bind(6, device.CreatedAt)
            .Bind(7, device.LastSeenAt)
            .Execute());

    public async ValueTask<bool> RotateRefreshAsync(string userId, string deviceId, byte[] expectedRefreshHash, byte[] newRefreshHash, CancellationToken cancellationToken) =>
        await writer.RunAsync(database => database["UPDATE devices SET refresh_hash = ?4 WHERE user_id = ?1 AND device_id = ?2 AND refresh_hash = ?3"]
            .Bind(1, userId)
            .Bind(2, deviceId)
            .Bind(3, expectedRefreshHash)
            .Bind(4, newRefreshHash)
            .Execute() == 1);

    public ValueTask<DeviceRow?> FindDeviceAsync(string userId, string deviceId, CancellationToken cancellationToken) =>
        new(readers.Read((userId, deviceId), static (database, key) =>
        {
            const string find = "SELECT device_id, name, kind, refresh_hash, created_at, last_seen_at FROM devices WHERE user_id = ?1 AND device_id = ?2";
            var statement = database[find].Bind(1, key.userId).Bind(2, key.deviceId);
            try
            {
                return statement.Step() ? ReadDevice(statement, key.userId) : null;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public ValueTask<IReadOnlyList<DeviceRow>> ListDevicesAsync(string userId, CancellationToken cancellationToken) =>
        new(readers.Read(userId, static (database, userId) =>
        {
            const string list = "SELECT device_id, name, kind, refresh_hash, created_at, last_seen_at FROM devices WHERE user_id = ?1 ORDER BY device_id";
            var statement = database[list].Bind(1, userId);
            try
            {
                var rows = new List<DeviceRow>();
                while (statement.Step()) rows.Add(ReadDevice(statement, userId));
                return rows;
            }
            finally
            {
                statement.Reset();
            }
        }));

    public async ValueTask RemoveDeviceAsync(string userId, string deviceId, CancellationToken cancellationToken) => await writer.RunAsync(database =>
        database["DELETE FROM devices WHERE user_id = ?1 AND device_id = ?2"].Bind(1, userId).Bind(2, deviceId).Execute());

    public async ValueTask PutContactAsync(string userId, string contactUserId, CancellationToken cancellationToken) => await writer.RunAsync(database =>
        database["INSERT INTO contacts VALUES (?1, ?2) ON CONFLICT DO NOTHING"].Bind(1, userId).Bind(2, contactUserId).Execute());

    public async ValueTask RemoveContactAsync(string userId, string contactUserId, CancellationToken cancellationToken) => await writer.RunAsync(database =>
        database["DELETE FROM contacts WHERE user_id = ?1 AND contact_user_id = ?2"].Bind(1, userId).Bind(2, contactUserId).Execute());

    public ValueTask<IReadOnlyList<string>> ListContactsAsync(string userId, CancellationToken cancellationToken) =>
        new(readers.Read(userId, static (database, userId) =>
            ReadTexts(database["SELECT contact_user_id FROM contacts WHERE user_id = ?1 ORDER BY contact_user_id"].Bind(1, userId))));

    private static string? FindHandle(Database database, string handle)
    {
        var statement = database["SELECT user_id FROM handles WHERE handle = ?1"].Bind(1, handle);
        try
        {
            return statement.Step() ? statement.Text(0) : null;
        }
        finally
        {
            statement.Reset();
        }
    }

    private static DeviceRow ReadDevice(Statement row, string userId) =>
        new(userId, row.Text(0), row.Text(1), row.Text(2), row.Bytes(3), row.Int64(4), row.Int64(5));
}
