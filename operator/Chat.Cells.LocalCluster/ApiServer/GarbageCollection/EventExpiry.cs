namespace Chat.Cells.LocalCluster.ApiServer.GarbageCollection;

/// <summary>Deletes Events that nobody has seen again for an hour, as a real server's store does: they would otherwise grow without end.</summary>
internal sealed partial class EventExpiry(ObjectStore store, LocalApiServerOptions options, ILogger logger)
{
    private const string Events = "events";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.EventSweepInterval, options.Time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                var limit = options.Time.GetUtcNow() - options.EventRetention;
                if (!store.Read().Objects.List(Events).Any(e => LastSeen(e) < limit))
                {
                    continue;
                }

                await store.WriteAsync(
                    t =>
                    {
                        foreach (var old in t.Objects.List(Events).Where(e => LastSeen(e) < limit).ToList())
                        {
                            t.Delete(old.Key);
                        }

                        return 0;
                    },
                    cancellationToken);
            }
            catch (IOException e)
            {
                LogFailed(logger, e);
            }
        }
    }

    private static DateTimeOffset LastSeen(StoredObject stored)
    {
        var value = stored.Parse();
        return ((string?[])[value.Text("series", "lastObservedTime"), value.Text("lastTimestamp"), value.Text("eventTime"), value.Text("metadata", "creationTimestamp")])
            .Select(Timestamps.Parse).Max() ?? DateTimeOffset.MinValue;
    }

    [LoggerMessage(EventId = 30, Level = LogLevel.Warning, Message = "Old Events could not be deleted and will be tried again")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
