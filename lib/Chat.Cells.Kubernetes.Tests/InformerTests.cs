using System.Collections.Concurrent;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Tests.Fakes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Kubernetes.Tests;

public sealed class InformerTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _log = new();
    private FakeApiServer _api = null!;
    private KubernetesClient _client = null!;
    private Task _run = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        _api = await FakeApiServer.StartAsync();
        _client = _api.Client();
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _client.Dispose();
        await _api.DisposeAsync();
        _stop.Dispose();
    }

    private static string Pod(string name, int version, string uid = "u", string app = "a") =>
        "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"n\",\"uid\":\"" + uid + "\",\"resourceVersion\":\"" + version + "\",\"labels\":{\"app\":\"" + app + "\"}}}";

    private static string List(int version, params string[] items) => $$"""{"metadata":{"resourceVersion":"{{version}}"},"items":[{{string.Join(",", items)}}]}""";

    private static bool IsWatch(Seen seen) => seen.Query.Contains("watch=true", StringComparison.Ordinal);

    private IReadOnlyList<Seen> Watches => [.. _api.Requests.Where(IsWatch)];

    private Informer<V1Pod> Start(InformerOptions? options = null, TimeProvider? time = null)
    {
        var informer = new Informer<V1Pod>(_client.Of<V1Pod>(), options ?? new InformerOptions { BackOff = TimeSpan.FromMilliseconds(10) }, NullLogger.Instance, time);
        informer.AddHandlers(
            p => _log.Enqueue($"+{p.Metadata.Name}"),
            (o, p) => _log.Enqueue($"~{p.Metadata.Name}:{o.Metadata.ResourceVersion}>{p.Metadata.ResourceVersion}"),
            p => _log.Enqueue($"-{p.Metadata.Name}"));
        _run = informer.RunAsync(_stop.Token);
        return informer;
    }

    [Fact]
    public async Task Run_ListThenWatch_CacheAndHandlersFollow()
    {
        _api.Script = async (c, s) =>
        {
            if (!IsWatch(s))
            {
                return await c.JsonAsync(List(5, Pod("a", 3), Pod("b", 4)));
            }
            await c.EventAsync("MODIFIED", Pod("a", 6));
            await c.EventAsync("DELETED", Pod("b", 7));
            await c.EventAsync("ADDED", Pod("c", 8));
            return await c.HoldAsync();
        };
        var informer = Start();
        Assert.False(informer.HasSynced && _log.IsEmpty);
        await informer.WaitForSyncAsync(default).WaitAsync(Poll.Limit);
        await Poll.UntilAsync(() => _log.Count == 5, "five calls");
        Assert.Equal(["+a", "+b", "~a:3>6", "-b", "+c"], _log);
        Assert.Equal("6", informer.Lister.Get("n", "a")!.Metadata.ResourceVersion);
        Assert.Null(informer.Lister.Get("n", "b"));
        Assert.Equal(2, informer.Lister.Count);
        Assert.Contains("resourceVersion=5", Watches[0].Query, StringComparison.Ordinal);
        Assert.Contains("allowWatchBookmarks=true", Watches[0].Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_WatchDropped_GoesOnFromTheLastVersionSeenBookmarksIncluded()
    {
        _api.Script = async (c, s) =>
        {
            if (!IsWatch(s))
            {
                return await c.JsonAsync(List(5));
            }
            if (Watches.Count == 1)
            {
                await c.EventAsync("ADDED", Pod("a", 6));
                await Poll.UntilAsync(() => !_log.IsEmpty, "the event has arrived");
                c.Abort();
                return true;
            }
            if (Watches.Count == 2)
            {
                await c.EventAsync("BOOKMARK", """{"metadata":{"resourceVersion":"40"}}""");
                return true;
            }
            return await c.HoldAsync();
        };
        Start();
        await Poll.UntilAsync(() => Watches.Count >= 3, "the third watch");
        Assert.Equal(["resourceVersion=5", "resourceVersion=6", "resourceVersion=40"], Watches.Take(3).Select(w => w.Query.Split('&').Single(q => q.StartsWith("resourceVersion", StringComparison.Ordinal))));
        Assert.Single(_api.Requests, s => !IsWatch(s));
        Assert.Equal(["+a"], _log);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_Gone_ListsAgainAndTellsWhatWasMissed(bool asEvent)
    {
        _api.Script = async (c, s) =>
        {
            if (!IsWatch(s))
            {
                return await c.JsonAsync(Watches.Count == 0 ? List(5, Pod("kept", 3), Pod("lost", 4), Pod("remade", 5, "old")) : List(90, Pod("kept", 80), Pod("new", 81), Pod("remade", 82, "new")));
            }
            if (Watches.Count > 1)
            {
                return await c.HoldAsync();
            }
            if (!asEvent)
            {
                return await c.StatusAsync(410, "Expired");
            }
            await c.EventAsync("ERROR", """{"kind":"Status","code":410,"reason":"Expired"}""");
            return true;
        };
        Start();
        await Poll.UntilAsync(() => _log.Count >= 8, "the second list");
        Assert.Equal(["+kept", "+lost", "+remade", "-lost", "~kept:3>80", "+new", "-remade", "+remade"], _log);
        await Poll.UntilAsync(() => Watches.Count == 2, "the second watch");
        Assert.Contains("resourceVersion=90", Watches[1].Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_MalformedEvent_StartsTheWatchAgainWithoutLosingItsPlace()
    {
        _api.Script = async (c, s) =>
        {
            if (!IsWatch(s))
            {
                return await c.JsonAsync(List(5));
            }
            if (Watches.Count == 1)
            {
                await c.EventAsync("ADDED", Pod("a", 6));
                await c.Response.WriteAsync("{{{\n");
                return true;
            }
            await c.EventAsync("ADDED", Pod("b", 7));
            return await c.HoldAsync();
        };
        Start();
        await Poll.UntilAsync(() => _log.Count == 2, "both pods");
        Assert.Equal(["+a", "+b"], _log);
        Assert.Contains("resourceVersion=6", Watches[1].Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ListFails_BacksOffAndTriesAgain()
    {
        var time = new FakeTime();
        var lists = 0;
        _api.Script = async (c, s) =>
        {
            if (IsWatch(s))
            {
                return await c.HoldAsync();
            }
            return Interlocked.Increment(ref lists) <= 3 ? await c.StatusAsync(500, "InternalError") : await c.JsonAsync(List(5, Pod("a", 3)));
        };
        var informer = Start(new InformerOptions { BackOff = TimeSpan.FromSeconds(1) }, time);
        foreach (var longest in new[] { 1, 2, 4 })
        {
            await Poll.UntilAsync(() => time.ArmedTimers == 1, "the informer waits");
            var before = lists;
            var wait = time.UntilNext!.Value;
            Assert.InRange(wait.TotalSeconds, longest * 0.5, longest);
            // No further: the next timer must begin after the clock has come to rest.
            time.Advance(wait);
            await Poll.UntilAsync(() => lists == before + 1, "another list");
        }
        await informer.WaitForSyncAsync(default).WaitAsync(Poll.Limit);
        Assert.Equal(4, lists);
    }

    [Fact]
    public async Task Run_ServerSaysWhenToComeAgain_NotBefore()
    {
        var time = new FakeTime();
        var lists = 0;
        _api.Script = async (c, s) =>
        {
            if (IsWatch(s))
            {
                return await c.HoldAsync();
            }
            return Interlocked.Increment(ref lists) == 1
                ? await c.JsonAsync("""{"kind":"Status","status":"Failure","reason":"ServerTimeout","code":504,"details":{"retryAfterSeconds":17}}""", 504)
                : await c.JsonAsync(List(5, Pod("a", 3)));
        };
        var informer = Start(new InformerOptions { BackOff = TimeSpan.FromSeconds(1) }, time);
        await Poll.UntilAsync(() => time.ArmedTimers == 1, "the informer waits");
        Assert.Equal(TimeSpan.FromSeconds(17), time.UntilNext);
        time.Advance(TimeSpan.FromSeconds(17));
        await informer.WaitForSyncAsync(default).WaitAsync(Poll.Limit);
        Assert.Equal(2, lists);
    }

    [Fact]
    public async Task Run_WatchesThatEndAtOnce_DoNotSpin()
    {
        var time = new FakeTime();
        _api.Script = (c, s) => IsWatch(s) ? Task.FromResult(true) : c.JsonAsync(List(5));
        Start(new InformerOptions { BackOff = TimeSpan.FromSeconds(1) }, time);
        for (var i = 1; i <= 3; i++)
        {
            await Poll.UntilAsync(() => time.ArmedTimers == 1, "the informer waits");
            Assert.Equal(i, Watches.Count);
            await Poll.AdvanceUntilAsync(time, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(10), () => Watches.Count > i, "another watch");
        }
    }

    [Fact]
    public async Task Run_HandlerThrows_TheOthersStillHear()
    {
        _api.Script = async (c, s) => IsWatch(s) ? await c.HoldAsync() : await c.JsonAsync(List(5, Pod("a", 3), Pod("b", 4)));
        var informer = new Informer<V1Pod>(_client.Of<V1Pod>(), new InformerOptions(), NullLogger.Instance);
        informer.AddHandlers(added: _ => throw new InvalidOperationException("broken"));
        informer.AddHandlers(added: p => _log.Enqueue(p.Metadata.Name!));
        _run = informer.RunAsync(_stop.Token);
        await informer.WaitForSyncAsync(default).WaitAsync(Poll.Limit);
        Assert.Equal(["a", "b"], _log);
    }

    [Fact]
    public async Task Run_Resync_HandsOutEverythingAgain()
    {
        var time = new FakeTime();
        _api.Script = async (c, s) => IsWatch(s) ? await c.HoldAsync() : await c.JsonAsync(List(5, Pod("a", 3)));
        var informer = Start(new InformerOptions { Resync = TimeSpan.FromMinutes(10) }, time);
        await informer.WaitForSyncAsync(default).WaitAsync(Poll.Limit);
        time.Advance(TimeSpan.FromMinutes(10));
        await Poll.UntilAsync(() => _log.Count == 2, "the resync");
        Assert.Equal(["+a", "~a:3>3"], _log);
    }

    [Fact]
    public async Task Index_ChangedAndDeleted_FollowsTheCache()
    {
        var more = new TaskCompletionSource();
        _api.Script = async (c, s) =>
        {
            if (!IsWatch(s))
            {
                return await c.JsonAsync(List(5, Pod("a", 3, app: "x"), Pod("b", 4, app: "x")));
            }
            await more.Task;
            await c.EventAsync("MODIFIED", Pod("a", 6, app: "y"));
            await c.EventAsync("DELETED", Pod("b", 7, app: "x"));
            return await c.HoldAsync();
        };
        var informer = Start();
        await informer.WaitForSyncAsync(default).WaitAsync(Poll.Limit);
        informer.Lister.AddIndex("app", p => p.Metadata.Label("app") is { } app ? [app] : []);
        Assert.Equal(["a", "b"], informer.Lister.ByIndex("app", "x").Select(p => p.Metadata.Name).Order());
        more.SetResult();
        await Poll.UntilAsync(() => _log.Count == 4, "the changes");
        Assert.Empty(informer.Lister.ByIndex("app", "x"));
        Assert.Equal("a", informer.Lister.ByIndex("app", "y").Single().Metadata.Name);
        Assert.Single(informer.Lister.List("n"));
        Assert.Empty(informer.Lister.List("other"));
    }
}
