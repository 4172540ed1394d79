using System.Collections.Concurrent;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Controllers;
using Chat.Cells.Kubernetes.Events;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Kubernetes.Tests;

public sealed class ControllerTests : IAsyncLifetime
{
    private const string Maps = "/api/v1/namespaces/n/configmaps";
    private readonly CancellationTokenSource _stop = new();
    private readonly Recording _recording = new();
    private FakeApiServer _api = null!;
    private KubernetesClient _client = null!;
    private Controller<V1ConfigMap> _controller = null!;
    private Task _run = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        _api = await FakeApiServer.StartAsync();
        _client = _api.Client();
        var maps = _client.Of<V1ConfigMap>();
        var informer = new Informer<V1ConfigMap>(maps, new InformerOptions { Namespace = "n" }, NullLogger.Instance);
        var options = new ControllerOptions { Workers = 4, BaseDelay = TimeSpan.FromMilliseconds(5), MaxDelay = TimeSpan.FromMilliseconds(50) };
        _controller = new Controller<V1ConfigMap>(informer, maps, _recording, [_recording], options, NullLogger.Instance);
        _run = Task.WhenAll(informer.RunAsync(_stop.Token), _controller.RunAsync(_stop.Token));
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(Poll.Limit);
        _controller.Dispose();
        _client.Dispose();
        await _api.DisposeAsync();
        _stop.Dispose();
    }

    private Task<V1ConfigMap> CreateAsync(string name) => _client.Of<V1ConfigMap>().CreateAsync(new V1ConfigMap { Metadata = new V1ObjectMeta { Namespace = "n", Name = name } });

    [Fact]
    public async Task Reconcile_NewObject_HasItsFinalizerBeforeTheFirstReconcile()
    {
        await CreateAsync("x");
        await Poll.UntilAsync(() => !_recording.Reconciled.IsEmpty, "reconciled");
        Assert.Contains("test/held", _recording.Reconciled.First().Metadata.Finalizers!);
        Assert.Equal("test/held", _api.Store[Maps + "/x"]!["metadata"]!["finalizers"]![0]!.GetValue<string>());
    }

    [Fact]
    public async Task Reconcile_Fails_IsTriedAgainUntilItSucceeds()
    {
        _recording.FailuresLeft = 3;
        await CreateAsync("x");
        await Poll.UntilAsync(() => !_recording.Reconciled.IsEmpty, "reconciled in the end");
        Assert.Equal(0, _recording.FailuresLeft);
    }

    [Fact]
    public async Task Reconcile_ManyChanges_NeverTwiceAtOnceForOneObject()
    {
        await CreateAsync("x");
        for (var i = 0; i < 50; i++)
        {
            _controller.Enqueue(new ObjectKey("n", "x"));
            await Task.Yield();
        }
        await Poll.UntilAsync(() => _recording.Reconciled.Count >= 2 && _controller.QueueLength == 0, "reconciled");
        Assert.Equal(1, _recording.MostAtOnce);
    }

    [Fact]
    public async Task Reconcile_RequeueAfter_ComesAgainByItself()
    {
        _recording.RequeueAfter = TimeSpan.FromMilliseconds(20);
        await CreateAsync("x");
        await Poll.UntilAsync(() => _recording.Reconciled.Count >= 4, "reconciled again and again");
    }

    [Fact]
    public async Task Delete_FinalizerNotDone_HoldsTheObjectThenLetsItGo()
    {
        _recording.Hold = true;
        await CreateAsync("x");
        await Poll.UntilAsync(() => !_recording.Reconciled.IsEmpty, "reconciled");
        await _client.Of<V1ConfigMap>().DeleteAsync("n", "x");
        await Poll.UntilAsync(() => _recording.Finalized >= 3, "asked several times");
        Assert.NotNull(_api.Store[Maps + "/x"]);
        _recording.Hold = false;
        await Poll.UntilAsync(() => _api.Store[Maps + "/x"] is null, "gone");
        await Poll.UntilAsync(() => _recording.Deleted.Contains(new ObjectKey("n", "x")), "told that it is gone");
    }

    [Fact]
    public async Task Events_Repeated_RaiseACount()
    {
        var time = new FakeTime();
        var recorder = new EventRecorder(_client, "test", "test-0", NullLogger.Instance, time);
        var about = await CreateAsync("x");
        await recorder.NormalAsync(about, "Created", "made it", default);
        time.Advance(TimeSpan.FromSeconds(5));
        await recorder.NormalAsync(about, "Created", "made it", default);
        await recorder.WarningAsync(about, "Broken", "oh", default);
        var events = _api.Store.Under("/api/v1/namespaces/n/events");
        var created = Assert.Single(events, e => e["reason"]!.GetValue<string>() == "Created");
        Assert.Equal(2, created["count"]!.GetValue<int>());
        Assert.Equal("2026-01-01T00:00:05Z", created["lastTimestamp"]!.GetValue<string>());
        Assert.Equal("2026-01-01T00:00:00Z", created["firstTimestamp"]!.GetValue<string>());
        Assert.Equal(about.Metadata.Uid, created["involvedObject"]!["uid"]!.GetValue<string>());
        Assert.Equal("Warning", Assert.Single(events, e => e["reason"]!.GetValue<string>() == "Broken")["type"]!.GetValue<string>());
        time.Advance(TimeSpan.FromMinutes(11));
        await recorder.NormalAsync(about, "Created", "made it", default);
        Assert.Equal(3, _api.Store.Under("/api/v1/namespaces/n/events").Count);
    }

    [Fact]
    public async Task Events_ServerRefuses_TheCallerGoesOn()
    {
        var about = await CreateAsync("x");
        _api.Script = async (c, s) => s.Path.EndsWith("/events", StringComparison.Ordinal) && await c.StatusAsync(403, "Forbidden");
        await new EventRecorder(_client, "test", "test-0", NullLogger.Instance).NormalAsync(about, "Created", "made it", default);
        Assert.Empty(_api.Store.Under("/api/v1/namespaces/n/events"));
    }

    private sealed class Recording : IEntityController<V1ConfigMap>, IEntityFinalizer<V1ConfigMap>
    {
        private readonly ConcurrentDictionary<string, int> _atWork = new();
        private int _failuresLeft;
        private int _finalized;

        public ConcurrentQueue<V1ConfigMap> Reconciled { get; } = new();

        public ConcurrentQueue<ObjectKey> Deleted { get; } = new();

        public int FailuresLeft
        {
            get => Math.Max(0, _failuresLeft);
            set => _failuresLeft = value;
        }

        public int MostAtOnce { get; private set; }

        public TimeSpan? RequeueAfter { get; set; }

        public volatile bool Hold;

        public int Finalized => _finalized;

        public string Identifier => "test/held";

        public async Task<ReconciliationResult> ReconcileAsync(V1ConfigMap entity, CancellationToken cancellationToken)
        {
            var name = entity.Metadata.Name!;
            MostAtOnce = Math.Max(MostAtOnce, _atWork.AddOrUpdate(name, 1, (_, n) => n + 1));
            await Task.Delay(5, cancellationToken);
            _atWork.AddOrUpdate(name, 0, (_, n) => n - 1);
            if (Interlocked.Decrement(ref _failuresLeft) >= 0)
            {
                throw new InvalidOperationException("not yet");
            }
            Reconciled.Enqueue(entity);
            return new ReconciliationResult(RequeueAfter);
        }

        public Task DeletedAsync(ObjectKey key, CancellationToken cancellationToken)
        {
            Deleted.Enqueue(key);
            return Task.CompletedTask;
        }

        public Task<FinalizerResult> FinalizeAsync(V1ConfigMap entity, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _finalized);
            return Task.FromResult(Hold ? FinalizerResult.NotYet(TimeSpan.FromMilliseconds(10)) : FinalizerResult.Done);
        }
    }
}
