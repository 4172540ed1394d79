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
    private const int AtATime = 128;

    /// <param name="arguments">The cell's options.</param>
    public static async Task<IReadOnlyList<CellUser>> SeedAsync(IReadOnlyList<string> arguments, int count, CancellationToken cancellationToken)
    {
        var options = CellOptionsReader.Read(arguments, static _ => null);
        var time = TimeProvider.System;
        using var secrets = new SecretsFolder(options, time, NullLogger<SecretsFolder>.Instance);
        var key = secrets.Current.Keys[^1];
        var tokens = new TokenIssuer(options, () => key, time);
        await using var engines = await CellEngines.OpenAsync(options with { Log = "embedded", State = "embedded" }, time, NullLoggerFactory.Instance, cancellationToken);
        var now = time.GetUtcNow();
        var users = new List<CellUser>(count);
        for (var i = 0; i < count; i++)
        {
            var (userId, deviceId) = (UserId.Create(options.Cell, Ulid.NewUlid(now)), Ulid.NewUlid(now).ToString());
            users.Add(new CellUser(userId, deviceId, tokens.Issue(userId, deviceId).Token));
        }
        await Parallel.ForEachAsync(users, new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellationToken }, async (user, token) =>
        {
            var at = now.ToUnixTimeMilliseconds();
            await engines.Accounts.CreateAccountAsync(new AccountRow(user.UserId, $"{user.DeviceId.ToLowerInvariant()}@bench", "bench", "none", InboxCursor.InitialEpoch, at), token);
            await engines.Accounts.PutDeviceAsync(new DeviceRow(user.UserId, user.DeviceId, "bench", "phone", RandomNumberGenerator.GetBytes(32), at, at), token);
        });
        return users;
    }
}
