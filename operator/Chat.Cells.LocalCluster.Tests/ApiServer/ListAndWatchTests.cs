using System.Net;
using System.Text.Json.Nodes;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class ListAndWatchTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";

    [Fact]
    public async Task List_InChunks_IsOfOneVersionWhateverIsWrittenBetween()
    {
        await using var api = await ApiFixture.StartAsync();
        for (var i = 0; i < 7; i++)
        {
            await api.PostAsync(Maps, ApiFixture.ConfigMap($"m{i}"));
        }

        var first = (await api.GetAsync($"{Maps}?limit=3")).Ok();
        Assert.Equal(4, (int)first["metadata.remainingItemCount"]);
        await api.DeleteAsync(Maps + "/m4");
        await api.PostAsync(Maps, ApiFixture.ConfigMap("m35"));
        await api.MergeAsync(Maps + "/m5", """{"data":{"k":"changed"}}""");
        var second = (await api.GetAsync($"{Maps}?limit=3&continue={Uri.EscapeDataString((string)first["metadata.continue"]!)}")).Ok();
        var third = (await api.GetAsync($"{Maps}?limit=3&continue={Uri.EscapeDataString((string)second["metadata.continue"]!)}")).Ok();
        Assert.Null(third.Body!["metadata"]!["continue"]);
        var all = ((Answer[])[first, second, third]).SelectMany(p => ((JsonArray)p["items"]).ToList()).ToList();
        Assert.Equal(["m0", "m1", "m2", "m3", "m4", "m5", "m6"], all.Select(i => (string?)i!["metadata"]!["name"]));
        Assert.Equal("v", (string?)all[5]!["data"]!["k"]);
        Assert.All((Answer[])[second, third], p => Assert.Equal((string?)first["metadata.resourceVersion"], (string?)p["metadata.resourceVersion"]));
    }

    [Fact]
    public async Task List_ContinuedTooLate_IsGone()
    {
        await using var api = await ApiFixture.StartAsync(o => o with { WatchWindow = 4 });
        for (var i = 0; i < 3; i++)
        {
            await api.PostAsync(Maps, ApiFixture.ConfigMap($"m{i}"));
        }

        var first = (await api.GetAsync($"{Maps}?limit=1")).Ok();
        for (var i = 0; i < 6; i++)
        {
            await api.MergeAsync(Maps + "/m0", $$$"""{"data":{"k":"{{{i}}}"}}""");
        }

        var late = await api.GetAsync($"{Maps}?limit=1&continue={Uri.EscapeDataString((string)first["metadata.continue"]!)}");
        Assert.Equal(HttpStatusCode.Gone, late.Code);
        Assert.Equal("Expired", late.Reason);
    }

    [Theory]
    [InlineData("labelSelector=app%3Da", "m0,m1")]
    [InlineData("labelSelector=app%21%3Da", "m2,m3")]
    [InlineData("labelSelector=app%20in%20(a,b)", "m0,m1,m2")]
    [InlineData("labelSelector=app%20notin%20(a)", "m2,m3")]
    [InlineData("labelSelector=app", "m0,m1,m2")]
    [InlineData("labelSelector=%21app", "m3")]
    [InlineData("labelSelector=app%3Da,n%3D1", "m1")]
    [InlineData("labelSelector=n%3E0", "m1,m2")]
    [InlineData("fieldSelector=metadata.name%3Dm2", "m2")]
    [InlineData("fieldSelector=metadata.name%21%3Dm2", "m0,m1,m3")]
    [InlineData("fieldSelector=metadata.namespace%3Dother", "")]
    public async Task List_WithSelectors_ReturnsTheMatching(string query, string expected)
    {
        await using var api = await ApiFixture.StartAsync();
        foreach (var (name, labels) in ((string, string)[])[("m0", """{"app":"a","n":"0"}"""), ("m1", """{"app":"a","n":"1"}"""), ("m2", """{"app":"b","n":"2"}"""), ("m3", "{}")])
        {
            (await api.PostAsync(Maps, ApiFixture.ConfigMap(name, labels: labels))).Ok();
        }

        var list = (await api.GetAsync($"{Maps}?{query}")).Ok();
        Assert.Equal(expected, string.Join(',', ((JsonArray)list["items"]).Select(i => (string?)i!["metadata"]!["name"])));
    }

    [Fact]
    public async Task List_OfPodsByNodeAndPhase_AndEventsByObject_Works()
    {
        await using var api = await ApiFixture.StartAsync();
        await api.PostAsync("/api/v1/namespaces/default/pods", ApiFixture.Pod("a", node: "local"));
        await api.PostAsync("/api/v1/namespaces/default/pods", ApiFixture.Pod("b"));
        var onNode = (await api.GetAsync("/api/v1/pods?fieldSelector=spec.nodeName%3Dlocal,status.phase%3DPending")).Ok();
        Assert.Equal("a", (string?)((JsonArray)onNode["items"]).Single()!["metadata"]!["name"]);
        await api.PostAsync("/api/v1/namespaces/default/events", """{"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"a","namespace":"default"},"reason":"R","message":"m"}""");
        var events = (await api.GetAsync("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Da,involvedObject.kind%3DPod")).Ok();
        Assert.Single((JsonArray)events["items"]);
        Assert.Empty((JsonArray)(await api.GetAsync("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Db")).Ok()["items"]);
    }

    [Fact]
    public async Task Watch_FromAVersion_SendsEveryChangeInOrder()
    {
        await using var api = await ApiFixture.StartAsync();
        var list = (await api.GetAsync(Maps)).Ok();
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Maps}?watch=true&resourceVersion={list["metadata.resourceVersion"]}");
        await api.PostAsync(Maps, ApiFixture.ConfigMap("a"));
        await api.MergeAsync(Maps + "/a", """{"data":{"k":"2"}}""");
        await api.PostAsync("/api/v1/namespaces/default/pods", ApiFixture.Pod("a"));
        await api.DeleteAsync(Maps + "/a");
        Assert.Equal(["ADDED a v", "MODIFIED a 2", "DELETED a 2"], await watch.TakeAsync(3, e => $"{e["type"]} {e["object"]!["metadata"]!["name"]} {e["object"]!["data"]!["k"]}"));
    }

    [Fact]
    public async Task Watch_WithASelector_TurnsEnteringAndLeavingIntoAddedAndDeleted()
    {
        await using var api = await ApiFixture.StartAsync();
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Maps}?watch=true&labelSelector=app%3Da");
        await api.PostAsync(Maps, ApiFixture.ConfigMap("a"));
        await api.MergeAsync(Maps + "/a", """{"metadata":{"labels":{"app":"a"}}}""");
        await api.MergeAsync(Maps + "/a", """{"data":{"k":"2"}}""");
        await api.MergeAsync(Maps + "/a", """{"metadata":{"labels":{"app":"b"}}}""");
        await api.DeleteAsync(Maps + "/a");
        await api.PostAsync(Maps, ApiFixture.ConfigMap("b", labels: """{"app":"a"}"""));
        Assert.Equal(["ADDED a", "MODIFIED a", "DELETED a", "ADDED b"], await watch.TakeAsync(4, e => $"{e["type"]} {e["object"]!["metadata"]!["name"]}"));
    }

    [Fact]
    public async Task Watch_WithoutAVersion_BeginsWithWhatIsThere()
    {
        await using var api = await ApiFixture.StartAsync();
        await api.PostAsync(Maps, ApiFixture.ConfigMap("a"));
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Maps}?watch=true&resourceVersion=0");
        await api.PostAsync(Maps, ApiFixture.ConfigMap("b"));
        Assert.Equal(["ADDED a", "ADDED b"], await watch.TakeAsync(2, e => $"{e["type"]} {e["object"]!["metadata"]!["name"]}"));
    }

    [Fact]
    public async Task Watch_FromAVersionOutOfTheWindow_IsGone()
    {
        await using var api = await ApiFixture.StartAsync(o => o with { WatchWindow = 4 });
        await api.PostAsync(Maps, ApiFixture.ConfigMap("a"));
        for (var i = 0; i < 8; i++)
        {
            await api.MergeAsync(Maps + "/a", $$$"""{"data":{"k":"{{{i}}}"}}""");
        }

        var late = await api.GetAsync($"{Maps}?watch=true&resourceVersion=1");
        Assert.Equal(HttpStatusCode.Gone, late.Code);
        Assert.Equal("Expired", late.Reason);
        Assert.StartsWith("too old resource version: 1 (", late.Message);
    }

    [Fact]
    public async Task Watch_WithBookmarks_TellsTheVersionThatItHasReached()
    {
        await using var api = await ApiFixture.StartAsync(o => o with { BookmarkInterval = TimeSpan.FromMilliseconds(100) });
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Maps}?watch=true&allowWatchBookmarks=true");
        var pod = (await api.PostAsync("/api/v1/namespaces/default/pods", ApiFixture.Pod("a"))).Ok();
        await watch.UntilAsync(e => (string?)e["type"] == "BOOKMARK" && (string?)e["object"]!["metadata"]!["resourceVersion"] == (string?)pod["metadata.resourceVersion"]);
    }

    [Fact]
    public async Task Watch_WithATimeout_EndsByItself()
    {
        await using var api = await ApiFixture.StartAsync();
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Maps}?watch=true&timeoutSeconds=1");
        Assert.True(await watch.EndsAsync());
    }

    [Fact]
    public async Task Watch_AfterARestart_GoesOnWhereItWas()
    {
        await using var api = await ApiFixture.StartAsync();
        var first = (await api.PostAsync(Maps, ApiFixture.ConfigMap("a"))).Ok();
        await api.PostAsync(Maps, ApiFixture.ConfigMap("b"));
        await api.DeleteAsync(Maps + "/a");
        await api.RestartAsync();
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Maps}?watch=true&resourceVersion={first["metadata.resourceVersion"]}");
        Assert.Equal(["ADDED b", "DELETED a"], await watch.TakeAsync(2, e => $"{e["type"]} {e["object"]!["metadata"]!["name"]}"));
    }

    [Fact]
    public async Task Watch_OfOneObjectAsATable_DefinesTheColumnsOnce()
    {
        await using var api = await ApiFixture.StartAsync();
        await api.PostAsync(Maps, ApiFixture.ConfigMap("a"));
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Maps}?watch=true&fieldSelector=metadata.name%3Da", "application/json;as=Table;v=v1;g=meta.k8s.io");
        await api.PostAsync(Maps, ApiFixture.ConfigMap("b"));
        await api.MergeAsync(Maps + "/a", """{"data":{"x":"y"}}""");
        Assert.Equal(
            ["ADDED 3 a 1", "MODIFIED 0 a 2"],
            await watch.TakeAsync(2, e => $"{e["type"]} {((JsonArray)e["object"]!["columnDefinitions"]!).Count} {e["object"]!["rows"]![0]!["cells"]![0]} {e["object"]!["rows"]![0]!["cells"]![1]}"));
    }

    [Fact]
    public async Task Watch_OfAKindWhoseCrdGoes_Ends()
    {
        await using var api = await ApiFixture.StartAsync();
        const string Crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        (await api.PostAsync(Crds, """
            {"metadata":{"name":"things.example.com"},"spec":{"group":"example.com","scope":"Cluster","names":{"plural":"things","kind":"Thing"},
            "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}
            """)).Ok();
        await using var watch = await WatchReader.OpenAsync(api.Client, "/apis/example.com/v1/things?watch=true");
        (await api.PostAsync("/apis/example.com/v1/things", """{"metadata":{"name":"a"}}""")).Ok();
        (await api.DeleteAsync(Crds + "/things.example.com")).Ok();
        Assert.Equal(["ADDED", "DELETED"], await watch.TakeAsync(2, e => (string)e["type"]!));
        Assert.True(await watch.EndsAsync());
    }

    [Fact]
    public async Task List_AsMetadataOnly_CarriesNothingElse()
    {
        await using var api = await ApiFixture.StartAsync();
        await api.PostAsync(Maps, ApiFixture.ConfigMap("a"));
        var list = (await api.GetAsync(Maps, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")).Ok();
        Assert.Equal("PartialObjectMetadataList", (string?)list["kind"]);
        Assert.Null(list["items.0"]["data"]);
    }
}

/// <summary>Reads a watch line by line, never longer than two minutes.</summary>
public sealed class WatchReader : IAsyncDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _reader;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(120));

    private WatchReader(HttpResponseMessage response, Stream stream)
    {
        _response = response;
        _reader = new StreamReader(stream);
    }

    public static async Task<WatchReader> OpenAsync(HttpClient client, string path, string? accept = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return new WatchReader(response, await response.Content.ReadAsStreamAsync());
    }

    public async Task<List<string>> TakeAsync(int count, Func<JsonNode, string> show)
    {
        var shown = new List<string>();
        while (shown.Count < count)
        {
            shown.Add(show(await NextAsync() ?? throw new InvalidOperationException($"the watch ended after {shown.Count} events")));
        }

        return shown;
    }

    public async Task UntilAsync(Func<JsonNode, bool> holds)
    {
        while (!holds(await NextAsync() ?? throw new InvalidOperationException("the watch ended")))
        {
        }
    }

    public async Task<bool> EndsAsync() => await NextAsync() is null;

    public ValueTask DisposeAsync()
    {
        _reader.Dispose();
        _response.Dispose();
        _limit.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<JsonNode?> NextAsync() => await _reader.ReadLineAsync(_limit.Token) is { } line ? JsonNode.Parse(line) : null;
}
