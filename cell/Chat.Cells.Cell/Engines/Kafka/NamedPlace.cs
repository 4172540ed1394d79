namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// Whether this process is in a group by its server's name, or as a member without one. A group has one place for a name. Who is refused there because a later process of that
/// name has joined goes on without it, so that the two don't drive each other out for ever. It may also have been nobody else: when a broker hangs, or its groups move, librdkafka ends the
/// session, forgets its member id and asks for the place without it, while the group still knows it by that id. Nobody lives in such a place, and it is free when its session ends.
/// So whoever lost the name looks for it from time to time, and takes it again when the place is free, never from another.
/// </summary>
/// <param name="admin">Says who is in the group.</param>
/// <param name="group">Its full name.</param>
/// <param name="name">The server's; null where it has none.</param>
/// <param name="time">For the intervals.</param>
/// <param name="logger">Why it can't be seen.</param>
internal sealed partial class NamedPlace(ITopicAdmin admin, string group, string? name, TimeProvider time, ILogger logger)
{
    /// <summary>How often a member without its name looks for it.</summary>
    internal static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(3);

    private bool _isLost;
    private string? _unknown;

    /// <summary>What to join the group as; null: as one without a name.</summary>
    public string? Current => _isLost ? null : name;

    /// <summary>Another has the place, or the group thinks so.</summary>
    public void Lose()
    {
        _isLost = true;
        LogFenced(group, name ?? "");
    }

    /// <summary>Has the place again from when this ends with true; false when it was cancelled.</summary>
    public async Task<bool> RegainAsync(CancellationToken cancellationToken)
    {
        if (!_isLost) return false;
        while (!cancellationToken.IsCancellationRequested)
        {
            if (await IsFreeAsync(cancellationToken))
            {
                _isLost = false;
                LogFree(group, name ?? "");
                return true;
            }
            await Task.Delay(LookInterval, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return false;
    }

    private async Task<bool> IsFreeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return !(await admin.FindNamedMembersAsync(group, cancellationToken)).Contains(name ?? "");
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception e)
        {
            // Whatever it was: the group's work must not end because this one isn't seen. Said once, not at every look.
            if (e.Message != _unknown) LogUnknown(group, e.Message);
            _unknown = e.Message;
            return false;
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Group {Group}: another process of the cell has taken the place of --server-id {ServerId}, or this one was not heard for longer than its session; each needs an id of its own. It goes on without the name, until the place is free")]
    private partial void LogFenced(string group, string serverId);

    [LoggerMessage(2, LogLevel.Information, "Group {Group}: the place of --server-id {ServerId} is free, and this process takes it again")]
    private partial void LogFree(string group, string serverId);

    [LoggerMessage(3, LogLevel.Warning, "Group {Group}: it can't be seen whether the place of this server is free: {Reason}")]
    private partial void LogUnknown(string group, string reason);
}
