using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Hosting;

/// <summary>Whether this server can do its work now: map, log and store answer, every role runs, and it isn't draining.</summary>
internal sealed class Readiness(CurrentCellMap map, IMessageLog log, IAccountStore accounts, IEnumerable<RoleHost> roles, Drain drain)
{
    private static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(2);

    public async Task<(bool Ready, IReadOnlyDictionary<string, string> Checks)> CheckAsync(CancellationToken cancellationToken)
    {
        var checks = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["accepting"] = drain.IsDraining ? "draining" : "ok",
            ["map"] = map.Current is null ? "not read yet" : "ok",
            ["log"] = await TryAsync(async token => await log.GetOffsetsAsync(new TopicPartition(Topics.DirectMessages, 0), token), cancellationToken),
            ["store"] = await TryAsync(async token => await accounts.CountAccountsAsync(token), cancellationToken),
        };
        foreach (var role in roles) checks[role.Name] = role.IsRunning ? "ok" : "not running";
        return (checks.Values.All(c => c == "ok"), checks);
    }

    private static async Task<string> TryAsync(Func<CancellationToken, Task> check, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(CheckTimeout);
        try
        {
            await check(limit.Token).WaitAsync(CheckTimeout, cancellationToken);
            return "ok";
        }
        catch (Exception e) when (e is LogException or StoreException)
        {
            return e.Message;
        }
        catch (Exception e) when (e is TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return "no answer";
        }
    }
}
