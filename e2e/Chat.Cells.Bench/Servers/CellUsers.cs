using System.Security.Cryptography;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Topology;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Bench.Servers;

/// <summary>A user of a cell under load.</summary>
/// <param name="Token">An access token that outlasts the run.</param>
internal sealed record CellUser(string UserId, string DeviceId, string Token);

/// <summary>Puts users into a cell's store before the cell starts: thousands of sign-ups would be a workload of their own. Makes the cell's keys too.</summary>
internal static class CellUsers
{
    // SQLite puts what comes at once into one transaction; in Cassandra each account is a lightweight transaction, and many at once time out.
    private const int AtATime = 128;
    private const int AtATimeInCassandra = 32;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    // Cassandra's keyspace and tables are made first, one after the other, and each waits until all nodes agree: up to a minute on a busy machine.
    private static readonly TimeSpan SetUpBound = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan WriteBound = TimeSpan.FromSeconds(15);

    /// <param name="arguments">The cell's options.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BenchException">The store doesn't take them.</exception>
    public static async Task<IReadOnlyList<CellUser>> SeedAsync(IReadOnlyList<string> arguments, int count, CancellationToken cancellationToken)
    {
        var options = CellOptionsReader.Read(arguments, static _ => null);
        var time = TimeProvider.System;
        using var secrets = new SecretsFolder(options, time, NullLogger<SecretsFolder>.Instance);
        var key = secrets.Current.Keys[^1];
        var tokens = new TokenIssuer(options, () => key, time);
        var now = time.GetUtcNow();
        var users = new List<CellUser>(count);
        for (var i = 0; i < count; i++)
        {
            var (userId, deviceId) = (UserId.Create(options.Cell, Ulid.NewUlid(now)), Ulid.NewUlid(now).ToString());
            users.Add(new CellUser(userId, deviceId, tokens.Issue(userId, deviceId).Token));
        }
        try
        {
            await using var engines = await CellEngines.OpenAsync(options with { Log = "embedded", State = "embedded" }, time, NullLoggerFactory.Instance, cancellationToken);
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Store == "cassandra" ? AtATimeInCassandra : AtATime, CancellationToken = cancellationToken };
            var at = now.ToUnixTimeMilliseconds();
            if (users.Count > 0) await PutAsync(engines.Accounts, users[0], at, SetUpBound, time, cancellationToken);
            await Parallel.ForEachAsync(users.Skip(1), parallel, async (user, token) => await PutAsync(engines.Accounts, user, at, WriteBound, time, token));
        }
        catch (StoreException e)
        {
            throw new BenchException($"{count} users could not be put into the store: {e.Message}", e);
        }
        return users;
    }

    /// <summary>A store that is slow for a moment is asked again: what was written already is only written once more.</summary>
    private static async Task PutAsync(IAccountStore accounts, CellUser user, long at, TimeSpan bound, TimeProvider time, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        var wait = FirstWait;
        while (true)
        {
            try
            {
                await accounts.CreateAccountAsync(new AccountRow(user.UserId, $"{user.DeviceId.ToLowerInvariant()}@bench", "bench", "none", InboxCursor.InitialEpoch, at), cancellationToken);
                await accounts.PutDeviceAsync(new DeviceRow(user.UserId, user.DeviceId, "bench", "phone", RandomNumberGenerator.GetBytes(32), at, at), cancellationToken);
                return;
            }
            catch (StoreException) when (time.GetElapsedTime(start) < bound)
            {
                await Task.Delay(wait, time, cancellationToken);
                wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
            }
        }
    }
}
