using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Events;
using Chat.Cells.Kubernetes.Informers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Apply;
using Chat.Cells.Operator.Plan;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Operator.Tests.Cluster;

/// <summary>What the operator relies on in an API server, through our client: a real one's behaviour, which the local one must share.</summary>
[Collection(ApiSuite.Name)]
[Trait("Category", "Api")]
public sealed class ClientContractTests : IAsyncLifetime
{
    private TestCluster _cluster = null!;

    private ResourceClient<V1ConfigMap> Maps => _cluster.Client.Of<V1ConfigMap>();

    public async Task InitializeAsync() => _cluster = await TestCluster.StartAsync(real: true);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    private V1ConfigMap Map(string name, params (string Key, string Value)[] data) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, Namespace = _cluster.Namespace, Labels = new Dictionary<string, string> { ["test"] = "yes" } },
        Data = data.ToDictionary(d => d.Key, d => d.Value),
    };

    [Fact]
    public async Task Apply_OtherManagersField_IsAConflictUnlessForced()
    {
        await Maps.ApplyAsync(Map("m", ("a", "1"), ("b", "1")), "one", force: false);
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Maps.ApplyAsync(Map("m", ("a", "2")), "two", force: false));
        Assert.True(e.IsConflict);
        Assert.Contains("one", e.Message, StringComparison.Ordinal);
        Assert.Equal("2", (await Maps.ApplyAsync(Map("m", ("a", "2")), "two")).Data!["a"]);
        // What a manager no longer names is removed, but only what is its own.
        var left = await Maps.ApplyAsync(Map("m", ("c", "1")), "one", force: false);
        Assert.Equal(["a", "c"], left.Data!.Keys.Order());
    }

    [Fact]
    public async Task Apply_NothingChanged_KeepsTheVersion()
    {
        var first = await Maps.ApplyAsync(Map("m", ("a", "1")), "one");
        Assert.Equal(first.Metadata.ResourceVersion, (await Maps.ApplyAsync(Map("m", ("a", "1")), "one")).Metadata.ResourceVersion);
    }

    [Fact]
    public async Task Apply_AtAnOldVersion_IsAConflict()
    {
        var first = await Maps.CreateAsync(Map("m", ("a", "1")));
        await Maps.MergePatchAsync(_cluster.Namespace, "m", JsonNode.Parse("""{"data":{"a":"2"}}""")!);
        var map = Map("m", ("a", "3"));
        var e = await Assert.ThrowsAsync<KubernetesException>(() => Maps.ApplyAsync(map with { Metadata = map.Metadata with { ResourceVersion = first.Metadata.ResourceVersion } }, "one"));
        Assert.True(e.IsConflict);
        var merge = new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = first.Metadata.ResourceVersion }, ["data"] = new JsonObject { ["a"] = "3" } };
        Assert.True((await Assert.ThrowsAsync<KubernetesException>(() => Maps.MergePatchAsync(_cluster.Namespace, "m", merge))).IsConflict);
        Assert.True((await Assert.ThrowsAsync<KubernetesException>(() => Maps.UpdateAsync(first with { Data = new Dictionary<string, string>() }))).IsConflict);
        Assert.Equal("2", (await Maps.GetAsync(_cluster.Namespace, "m")).Data!["a"]);
    }

    [Fact]
    public async Task Delete_Preconditions_SpareAnotherObject()
    {
        var first = await Maps.CreateAsync(Map("m"));
        Assert.True((await Assert.ThrowsAsync<KubernetesException>(() => Maps.DeleteAsync(_cluster.Namespace, "m", default, new DeleteOptions { Uid = "another" }))).IsConflict);
        await Maps.MergePatchAsync(_cluster.Namespace, "m", JsonNode.Parse("""{"data":{"a":"2"}}""")!);
        var old = new DeleteOptions { Uid = first.Metadata.Uid, ResourceVersion = first.Metadata.ResourceVersion };
        Assert.True((await Assert.ThrowsAsync<KubernetesException>(() => Maps.DeleteAsync(_cluster.Namespace, "m", default, old))).IsConflict);
        await Maps.DeleteAsync(_cluster.Namespace, "m", default, new DeleteOptions { Uid = first.Metadata.Uid });
        Assert.Null(await Maps.TryGetAsync(_cluster.Namespace, "m"));
    }

    [Fact]
    public async Task JsonPatch_FailedTest_ChangesNothing()
    {
        await Maps.CreateAsync(Map("m", ("a", "1")));
        JsonArray Patch(string expected) =>
        [
            new JsonObject { ["op"] = "test", ["path"] = "/data/a", ["value"] = expected },
            new JsonObject { ["op"] = "replace", ["path"] = "/data/a", ["value"] = "2" },
        ];
        await Assert.ThrowsAsync<KubernetesException>(() => Maps.JsonPatchAsync(_cluster.Namespace, "m", Patch("0")));
        Assert.Equal("2", (await Maps.JsonPatchAsync(_cluster.Namespace, "m", Patch("1"))).Data!["a"]);
    }

    [Fact]
    public async Task List_InChunksOfTwo_IsWholeAndSelected()
    {
        for (var i = 0; i < 5; i++)
        {
            await Maps.CreateAsync(Map($"m{i}"));
        }
        var options = new ListOptions { Limit = 2, LabelSelector = "test=yes" };
        var chunk = await Maps.ListChunkAsync(_cluster.Namespace, options);
        Assert.Equal(2, chunk.Items.Count);
        Assert.False(string.IsNullOrEmpty(chunk.Metadata.Continue));
        var list = await Maps.ListAsync(_cluster.Namespace, options);
        Assert.Equal(["m0", "m1", "m2", "m3", "m4"], list.Items.Select(m => m.Metadata.Name).Order());
        Assert.All(list.Items, m => Assert.Equal("ConfigMap", m.Kind));
        Assert.Equal("m3", Assert.Single((await Maps.ListAsync(_cluster.Namespace, new ListOptions { FieldSelector = "metadata.name=m3" })).Items).Metadata.Name);
    }

    [Fact]
    public async Task Watch_FromAVersion_TellsEverythingAfterIt()
    {
        var version = (await Maps.CreateAsync(Map("m", ("a", "1")))).Metadata.ResourceVersion;
        await Maps.MergePatchAsync(_cluster.Namespace, "m", JsonNode.Parse("""{"data":{"a":"2"}}""")!);
        await Maps.MergePatchAsync(_cluster.Namespace, "m", JsonNode.Parse("""{"metadata":{"labels":{"test":"no"}}}""")!);
        var seen = new List<string>();
        using var enough = new CancellationTokenSource(Poll.Limit);
        await foreach (var e in Maps.WatchAsync(_cluster.Namespace, new WatchOptions { ResourceVersion = version, LabelSelector = "test=yes", Timeout = TimeSpan.FromSeconds(30) }, enough.Token))
        {
            if (e.Type != WatchEventType.Bookmark)
            {
                seen.Add($"{e.Type} {e.Object.Data!["a"]}");
            }
            if (seen.Count == 2)
            {
                break;
            }
        }
        // No longer selected is as good as gone.
        Assert.Equal(["Modified 2", "Deleted 2"], seen);
    }

    [Fact]
    public async Task Informer_ChangesWhileItWatches_AreAllSeen()
    {
        await Maps.CreateAsync(Map("m"));
        var informer = new Informer<V1ConfigMap>(Maps, new InformerOptions { Namespace = _cluster.Namespace, LabelSelector = "test=yes" }, NullLogger.Instance);
        using var stop = new CancellationTokenSource();
        var run = informer.RunAsync(stop.Token);
        await informer.WaitForSyncAsync(default).WaitAsync(Poll.Limit);
        await Maps.CreateAsync(Map("n"));
        await Poll.UntilAsync(() => informer.Lister.Count == 2, "both");
        await Maps.DeleteAsync(_cluster.Namespace, "m");
        await Poll.UntilAsync(() => informer.Lister.Get(_cluster.Namespace, "m") is null && informer.Lister.Count == 1, "one");
        await stop.CancelAsync();
        await run;
    }

    [Fact]
    public async Task Finalizers_HoldUntilRemoved()
    {
        var map = Map("held");
        await Maps.CreateAsync(map with { Metadata = map.Metadata with { Finalizers = ["chatcells.io/test"] } });
        await Maps.DeleteAsync(_cluster.Namespace, "held");
        Assert.NotNull((await Maps.GetAsync(_cluster.Namespace, "held")).Metadata.DeletionTimestamp);
        await Maps.MergePatchAsync(_cluster.Namespace, "held", JsonNode.Parse("""{"metadata":{"finalizers":null}}""")!);
        await Poll.UntilAsync(async () => await Maps.TryGetAsync(_cluster.Namespace, "held") is null, "gone");
    }

    [Fact]
    public async Task Events_AboutACell_AreFoundByIt()
    {
        var cell = await _cluster.Cells.CreateAsync(_cluster.Cell("cell-" + _cluster.Suffix));
        var recorder = new EventRecorder(_cluster.Client, "test", "test-0", NullLogger.Instance);
        await recorder.WarningAsync(cell, "Testing", "one", default);
        await recorder.WarningAsync(cell, "Testing", "one", default);
        // As kubectl describe asks.
        var selector = $"involvedObject.name={cell.Metadata.Name},involvedObject.namespace={cell.Metadata.Namespace},involvedObject.kind=ChatCell,involvedObject.uid={cell.Metadata.Uid}";
        var found = Assert.Single((await _cluster.Client.Of<V1Event>().ListAsync(_cluster.Namespace, new ListOptions { FieldSelector = selector })).Items);
        Assert.Equal((2, "Warning"), (found.Count, found.Type));
    }

    [Fact]
    public async Task SecretWriter_ViewThatIsBehind_ReplacesNoKey()
    {
        var writer = new SecretWriter(_cluster.Client, NullLogger<SecretWriter>.Instance);
        var empty = new V1Secret { Type = "Opaque", Metadata = new V1ObjectMeta { Namespace = _cluster.Namespace, Name = "s" } };
        SecretChange Change(V1Secret? live, string key, string value) =>
            new(empty, live, new Dictionary<string, byte[]> { [key] = System.Text.Encoding.ASCII.GetBytes(value) }, []);
        await writer.WriteAsync(Change(null, "a", "first"), default);
        Assert.True((await Assert.ThrowsAsync<KubernetesException>(() => writer.WriteAsync(Change(null, "a", "second"), default))).IsAlreadyExists);
        var live = await _cluster.Client.Of<V1Secret>().GetAsync(_cluster.Namespace, "s");
        await writer.WriteAsync(Change(live, "b", "first"), default);
        Assert.True((await Assert.ThrowsAsync<KubernetesException>(() => writer.WriteAsync(Change(live, "b", "second"), default))).IsConflict);
        var data = (await _cluster.Client.Of<V1Secret>().GetAsync(_cluster.Namespace, "s")).Data!;
        Assert.All(data.Values, v => Assert.Equal("first", System.Text.Encoding.ASCII.GetString(v)));
        var now = await _cluster.Client.Of<V1Secret>().GetAsync(_cluster.Namespace, "s");
        await writer.WriteAsync(new SecretChange(empty, now, new Dictionary<string, byte[]>(), ["a"]), default);
        Assert.Equal(["b"], (await _cluster.Client.Of<V1Secret>().GetAsync(_cluster.Namespace, "s")).Data!.Keys);
    }

    [Fact]
    public async Task Discovery_KindsAndVersion_AreFound()
    {
        Assert.StartsWith("v1.", (await _cluster.Client.Discovery.VersionAsync()).GitVersion, StringComparison.Ordinal);
        Assert.Equal(ResourceType.Of<V1StatefulSet>(), await _cluster.Client.Discovery.FindAsync("apps/v1", "StatefulSet"));
        Assert.Equal("chatcells", (await _cluster.Client.Discovery.FindAsync("chatcells.io/v1alpha1", "ChatCell"))!.Plural);
        Assert.Null(await _cluster.Client.Discovery.FindAsync("chatcells.io/v9", "ChatCell"));
    }
}
