using Cassandra;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>Accounts, handles, devices and contacts: written by lightweight transactions only, so that the ring orders the writes and no server's clock does.</summary>
public sealed partial class CassandraStore
{
    private long createdHere;

    public ValueTask<bool> ClaimHandleAsync(string handle, string userId, CancellationToken cancellationToken) => OnRingAsync(ring => transactions.DecideAsync<bool>(
        handle,
        async _ =>
        {
            var claim = await WriteAsync(ring, ring.BindConditional(ring.Cql.ClaimHandle, handle, userId), cancellationToken);
            return claim.WasApplied || claim[0].GetValue<string>("user_id") == userId;
        },
        cancellationToken));

    public ValueTask<string?> FindHandleAsync(string handle, CancellationToken cancellationToken) => OnRingAsync(async ring =>
        (await ReadOneAsync(ring, ring.Bind(ring.Cql.FindHandle, handle), cancellationToken))?.GetValue<string>("user_id"));

    public ValueTask<bool> CreateAccountAsync(AccountRow account, CancellationToken cancellationToken) => OnRingAsync(async ring =>
    {
        var created = await transactions.DecideAsync<bool>(
            account.UserId,
            async maybeApplied =>
            {
                var creation = await WriteAsync(
                    ring,
                    ring.BindConditional(ring.Cql.CreateAccount, account.UserId, account.Handle, account.DisplayName, account.PasswordHash, account.Epoch, account.CreatedAt),
                    cancellationToken);
                return creation.WasApplied || (maybeApplied && ReadAccount(creation[0], account.UserId) == account);
            },
            cancellationToken);
        if (created) await CountCreatedAsync(ring, cancellationToken);
        return created;
    });

    public ValueTask<AccountRow?> FindAccountAsync(string userId, CancellationToken cancellationToken) => OnRingAsync(async ring =>
        await ReadOneAsync(ring, ring.Bind(ring.Cql.FindAccount, userId), cancellationToken) is { } row ? ReadAccount(row, userId) : null);

    /// <summary>Counted by the servers as they create them: an account whose server died in that instant is missing, but where there is one the answer is never 0.</summary>
    public ValueTask<long> CountAccountsAsync(CancellationToken cancellationToken) => OnRingAsync(async ring =>
    {
        long count = 0;
        await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.CountAccounts), RowPage, cancellationToken)) count += row.GetValue<long>("created");
        return count > 0 || await ReadOneAsync(ring, ring.Bind(ring.Cql.AnyAccount), cancellationToken) is null ? count : 1;
    });

    public async ValueTask PutDeviceAsync(DeviceRow device, CancellationToken cancellationToken) => await OnRingAsync(ring => transactions.DecideAsync<bool>(
        device.UserId,
        async _ =>
        {
            var insert = ring.BindConditional(
                ring.Cql.InsertDevice, device.UserId, device.DeviceId, device.Name, device.Kind, device.RefreshHash, device.CreatedAt, device.LastSeenAt);
            if ((await WriteAsync(ring, insert, cancellationToken)).WasApplied) return true;
            var update = ring.BindConditional(
                ring.Cql.UpdateDevice, device.Name, device.Kind, device.RefreshHash, device.CreatedAt, device.LastSeenAt, device.UserId, device.DeviceId);
            // Neither: it was removed in between.
            return (await WriteAsync(ring, update, cancellationToken)).WasApplied ? true : Decision<bool>.Again;
        },
        cancellationToken));

    public ValueTask<bool> RotateRefreshAsync(string userId, string deviceId, byte[] expectedRefreshHash, byte[] newRefreshHash, CancellationToken cancellationToken) =>
        OnRingAsync(ring => transactions.DecideAsync<bool>(
            userId,
            async maybeApplied =>
            {
                var rotation = await WriteAsync(ring, ring.BindConditional(ring.Cql.RotateRefresh, newRefreshHash, userId, deviceId, expectedRefreshHash), cancellationToken);
                if (rotation.WasApplied) return true;
                // Of an unknown device there is no column but [applied].
                var current = rotation.Columns.Any(column => column.Name == "refresh_hash") ? rotation[0].GetValue<byte[]?>("refresh_hash") : null;
                return maybeApplied && current is not null && current.AsSpan().SequenceEqual(newRefreshHash);
            },
            cancellationToken));

    public ValueTask<DeviceRow?> FindDeviceAsync(string userId, string deviceId, CancellationToken cancellationToken) => OnRingAsync(async ring =>
        await ReadOneAsync(ring, ring.Bind(ring.Cql.FindDevice, userId, deviceId), cancellationToken) is { } row ? ReadDevice(row, userId) : null);

    public ValueTask<IReadOnlyList<DeviceRow>> ListDevicesAsync(string userId, CancellationToken cancellationToken) => OnRingAsync<IReadOnlyList<DeviceRow>>(async ring =>
    {
        var devices = new List<DeviceRow>();
        await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.ListDevices, userId), RowPage, cancellationToken)) devices.Add(ReadDevice(row, userId));
        return devices;
    });

    public ValueTask RemoveDeviceAsync(string userId, string deviceId, CancellationToken cancellationToken) =>
        ApplyAsync(userId, ring => ring.BindConditional(ring.Cql.RemoveDevice, userId, deviceId), cancellationToken);

    public ValueTask PutContactAsync(string userId, string contactUserId, CancellationToken cancellationToken) =>
        ApplyAsync(userId, ring => ring.BindConditional(ring.Cql.InsertContact, userId, contactUserId), cancellationToken);

    public ValueTask RemoveContactAsync(string userId, string contactUserId, CancellationToken cancellationToken) =>
        ApplyAsync(userId, ring => ring.BindConditional(ring.Cql.RemoveContact, userId, contactUserId), cancellationToken);

    public ValueTask<IReadOnlyList<string>> ListContactsAsync(string userId, CancellationToken cancellationToken) => OnRingAsync<IReadOnlyList<string>>(async ring =>
    {
        var contacts = new List<string>();
        await foreach (var row in ReadPagesAsync(ring, ring.Bind(ring.Cql.ListContacts, userId), RowPage, cancellationToken)) contacts.Add(row.GetValue<string>("contact_user_id"));
        return contacts;
    });

    /// <summary>A transaction whose condition only spares what is so already.</summary>
    private async ValueTask ApplyAsync(string userId, Func<Ring, BoundStatement> statement, CancellationToken cancellationToken) => await OnRingAsync(ring => transactions.DecideAsync<bool>(
        userId,
        async _ =>
        {
            await WriteAsync(ring, statement(ring), cancellationToken);
            return true;
        },
        cancellationToken));

    /// <summary>Each run of a server has a row of its own, which only grows: no counter column, whose increments can't be repeated, and no transaction for all to meet in.</summary>
    private async Task CountCreatedAsync(Ring ring, CancellationToken cancellationToken)
    {
        var created = Interlocked.Increment(ref createdHere);
        try
        {
            await WriteAsync(ring, ring.Bind(ring.Cql.InsertAccountCount, runId, created, RowTimes.OfValue(created)), cancellationToken);
        }
        catch (DriverException e)
        {
            // The account is there. The next one's count includes it.
            LogNotCounted(e.Message);
        }
    }

    private static AccountRow ReadAccount(Row row, string userId) => new(
        userId, row.GetValue<string>("handle"), row.GetValue<string>("display_name"), row.GetValue<string>("password_hash"), row.GetValue<int>("epoch"), row.GetValue<long>("created_at"));

    private static DeviceRow ReadDevice(Row row, string userId) => new(
        userId,
        row.GetValue<string>("device_id"),
        row.GetValue<string>("name"),
        row.GetValue<string>("kind"),
        row.GetValue<byte[]>("refresh_hash"),
        row.GetValue<long>("created_at"),
        row.GetValue<long>("last_seen_at"));

    [LoggerMessage(520, LogLevel.Warning, "A new account could not be counted yet: {Reason}")]
    private partial void LogNotCounted(string reason);
}
