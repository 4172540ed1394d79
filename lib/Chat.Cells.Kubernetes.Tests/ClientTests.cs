using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Config;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Kubernetes.Tests.Fakes;
using Microsoft.AspNetCore.Http;

namespace Chat.Cells.Kubernetes.Tests;

public sealed class ClientTests : IAsyncLifetime
{
    private FakeApiServer _api = null!;

    public async Task InitializeAsync() => _api = await FakeApiServer.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    private static V1ConfigMap Map(string name) => new() { Metadata = new V1ObjectMeta { Name = name, Namespace = "n" }, Data = new Dictionary<string, string> { ["a"] = "b" } };

    [Fact]
    public async Task CreateGetUpdate_UnknownFieldsAndVersions_AreKept()
    {
        using var client = _api.Client();
        _api.Store.Put("/api/v1/namespaces/n/configmaps", """{"metadata":{"name":"x","namespace":"n","future":1},"other":true}""");
        var read = await client.Of<V1ConfigMap>().GetAsync("n", "x");
        await client.Of<V1ConfigMap>().UpdateAsync(read with { Data = new Dictionary<string, string> { ["k"] = "v" } });
        var stored = _api.Store["/api/v1/namespaces/n/configmaps/x"]!;
        Assert.True(stored["other"]!.GetValue<bool>());
        Assert.Equal(1, stored["metadata"]!["future"]!.GetValue<int>());
        Assert.Equal("v", stored["data"]!["k"]!.GetValue<string>());
        var e = await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1ConfigMap>().UpdateAsync(read));
        Assert.True(e.IsConflict);
        Assert.False(e.IsAlreadyExists);
    }

    [Fact]
    public async Task Create_Twice_SaysAlreadyExists()
    {
        using var client = _api.Client();
        var created = await client.Of<V1ConfigMap>().CreateAsync(Map("x"));
        Assert.NotNull(created.Metadata.Uid);
        var e = await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1ConfigMap>().CreateAsync(Map("x")));
        Assert.True(e.IsAlreadyExists);
        Assert.False(e.IsConflict);
    }

    [Fact]
    public async Task Get_Missing_ThrowsWithTheServersStatus()
    {
        using var client = _api.Client();
        _api.Script = (c, _) => c.StatusAsync(404, "NotFound", "pods x not found");
        var e = await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
        Assert.True(e.IsNotFound);
        Assert.Contains("pods x not found", e.Message, StringComparison.Ordinal);
        Assert.Null(await client.Of<V1Pod>().TryGetAsync("n", "x"));
    }

    [Fact]
    public async Task Get_RefusalThatIsNoStatus_StillTellsTheCode()
    {
        using var client = _api.Client();
        _api.Script = async (c, _) =>
        {
            c.Response.StatusCode = 502;
            await c.Response.WriteAsync("<html>bad gateway</html>");
            return true;
        };
        var e = await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
        Assert.Equal(HttpStatusCode.BadGateway, e.Code);
        Assert.Contains("bad gateway", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{\"metadata\":")]
    [InlineData("null")]
    [InlineData("[1]")]
    public async Task Get_MalformedJson_IsAnHttpError(string body)
    {
        using var client = _api.Client();
        _api.Script = (c, _) => c.JsonAsync(body);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
    }

    [Fact]
    public async Task Get_SilentServer_TimesOut()
    {
        using var client = _api.Client(timeout: TimeSpan.FromMilliseconds(300));
        _api.Script = (c, _) => c.HoldAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
    }

    [Fact]
    public async Task Get_NobodyListens_IsAnHttpError()
    {
        using var client = _api.Client();
        await _api.DisposeAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
    }

    [Fact]
    public async Task Create_PutOffWithRetryAfter_IsSentAgainWithItsBody()
    {
        var time = new FakeTime();
        using var client = _api.Client(time);
        var refused = 0;
        _api.Script = async (c, _) =>
        {
            if (refused >= 2)
            {
                return false;
            }
            c.Response.Headers.RetryAfter = "7";
            return await c.StatusAsync(refused++ == 0 ? 429 : 503, "TooManyRequests");
        };
        var created = client.Of<V1ConfigMap>().CreateAsync(Map("x"));
        for (var i = 1; i <= 2; i++)
        {
            await Poll.UntilAsync(() => time.ArmedTimers > 0, "the client waits");
            Assert.Equal(i, _api.Requests.Count);
            time.Advance(TimeSpan.FromSeconds(6));
            Assert.False(created.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(1));
            await Poll.UntilAsync(() => _api.Requests.Count == i + 1, "the request comes again");
        }
        Assert.Equal("b", (await created).Data!["a"]);
    }

    [Fact]
    public async Task Get_PutOffForEver_GivesUpAfterTenAttempts()
    {
        using var client = _api.Client();
        _api.Script = (c, _) =>
        {
            c.Response.Headers.RetryAfter = "0";
            return c.StatusAsync(429, "TooManyRequests");
        };
        var e = await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
        Assert.Equal(HttpStatusCode.TooManyRequests, e.Code);
        Assert.Equal(KubernetesClient.MaxAttempts, _api.Requests.Count);
    }

    [Fact]
    public async Task Get_PutOffLongerThanTheRequestMayTake_SaysWhenToComeAgainAtOnce()
    {
        using var client = _api.Client(timeout: TimeSpan.FromSeconds(20));
        _api.Script = (c, _) =>
        {
            c.Response.Headers.RetryAfter = "25";
            return c.StatusAsync(503, "ServiceUnavailable");
        };
        var e = await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
        Assert.Equal(TimeSpan.FromSeconds(25), e.RetryAfter);
        Assert.Single(_api.Requests);
    }

    [Theory]
    [InlineData(5, 5)]
    [InlineData(9_000, 30)]
    public async Task Get_WaitInTheStatusOnly_IsInTheException(int said, int taken)
    {
        using var client = _api.Client();
        _api.Script = (c, _) => c.JsonAsync($$"""{"kind":"Status","status":"Failure","reason":"ServerTimeout","code":504,"details":{"retryAfterSeconds":{{said}} } }""", 504);
        var e = await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
        Assert.Equal(TimeSpan.FromSeconds(taken), e.RetryAfter);
        Assert.Single(_api.Requests);
    }

    [Fact]
    public async Task Get_503WithoutRetryAfter_IsNotRepeated()
    {
        using var client = _api.Client();
        _api.Script = (c, _) => c.StatusAsync(503, "ServiceUnavailable");
        await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
        Assert.Single(_api.Requests);
    }

    [Fact]
    public async Task Get_TokenRefused_IsFetchedAgainOnce()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "old");
            using var client = _api.Client(tokens: new FileTokenSource(file));
            _api.Script = async (c, s) => s.Authorization == "Bearer old" && await c.StatusAsync(401, "Unauthorized");
            await Assert.ThrowsAsync<KubernetesException>(() => client.Of<V1Pod>().GetAsync("n", "x"));
            await File.WriteAllTextAsync(file, "new");
            Assert.Empty((await client.Of<V1Pod>().ListAsync("n")).Items);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task List_Chunks_AreReadToTheEnd()
    {
        using var client = _api.Client();
        _api.Script = (c, s) => c.JsonAsync(s.Query.Contains("continue=t%2F1", StringComparison.Ordinal)
            ? """{"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"b"}}]}"""
            : """{"metadata":{"resourceVersion":"9","continue":"t/1"},"items":[{"metadata":{"name":"a"}}]}""");
        var list = await client.Of<V1Pod>().ListAsync("n", new ListOptions { Limit = 1, LabelSelector = "a=b" });
        Assert.Equal(["a", "b"], list.Items.Select(i => i.Metadata.Name));
        Assert.Equal("9", list.Metadata.ResourceVersion);
        Assert.All(_api.Requests, r => Assert.Contains("labelSelector=a%3Db", r.Query, StringComparison.Ordinal));
        Assert.All(list.Items, i => Assert.Equal("Pod", i.Kind));
    }

    [Fact]
    public async Task List_TokenExpiresHalfWay_StartsAgain()
    {
        using var client = _api.Client();
        var expired = false;
        _api.Script = async (c, s) =>
        {
            if (!s.Query.Contains("continue", StringComparison.Ordinal))
            {
                return await c.JsonAsync(expired
                    ? """{"metadata":{"resourceVersion":"20"},"items":[{"metadata":{"name":"new"}}]}"""
                    : """{"metadata":{"resourceVersion":"9","continue":"t"},"items":[{"metadata":{"name":"old"}}]}""");
            }
            expired = true;
            return await c.StatusAsync(410, "Expired");
        };
        var list = await client.Of<V1Pod>().ListAsync("n");
        Assert.Equal("new", Assert.Single(list.Items).Metadata.Name);
        Assert.Equal("20", list.Metadata.ResourceVersion);
    }

    [Fact]
    public async Task Apply_SendsManagerForceAndNothingTheServerOwns()
    {
        using var client = _api.Client();
        _api.Script = (c, _) => c.JsonAsync("""{"metadata":{"name":"x","namespace":"n"}}""");
        var value = Map("x");
        await client.Of<V1ConfigMap>().ApplyAsync(
            value with { Metadata = value.Metadata with { ManagedFields = [new V1ManagedFieldsEntry()], CreationTimestamp = DateTimeOffset.UnixEpoch, Generation = 1 } }, "me");
        var seen = Assert.Single(_api.Requests);
        Assert.Equal(("PATCH", "/api/v1/namespaces/n/configmaps/x", "application/apply-patch+yaml"), (seen.Method, seen.Path, seen.ContentType));
        Assert.Contains("fieldManager=me", seen.Query, StringComparison.Ordinal);
        Assert.Contains("force=true", seen.Query, StringComparison.Ordinal);
        var metadata = JsonNode.Parse(seen.Body)!["metadata"]!.AsObject();
        Assert.Equal(["name", "namespace"], metadata.Select(m => m.Key));
        await client.Of<V1ConfigMap>().ApplyAsync(value, "me", force: false, subresource: "status");
        Assert.DoesNotContain("force", _api.Requests.Last().Query, StringComparison.Ordinal);
        Assert.EndsWith("/x/status", _api.Requests.Last().Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Patches_UseTheirContentTypes()
    {
        using var client = _api.Client();
        _api.Script = (c, _) => c.JsonAsync("""{"metadata":{"name":"x"}}""");
        await client.Of<V1ConfigMap>().JsonPatchAsync("n", "x", [new JsonObject { ["op"] = "remove", ["path"] = "/data" }]);
        await client.Of<V1ConfigMap>().MergePatchAsync("n", "x", new JsonObject { ["data"] = null }, subresource: "status");
        Assert.Equal(["application/json-patch+json", "application/merge-patch+json"], _api.Requests.Select(r => r.ContentType));
        Assert.EndsWith("/status", _api.Requests.Last().Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_PreconditionsAndPolicy_AreSent()
    {
        using var client = _api.Client();
        _api.Script = (c, _) => c.JsonAsync("""{"kind":"Status","status":"Success"}""");
        await client.Of<V1Pod>().DeleteAsync("n", "x", default, new DeleteOptions { Uid = "u", ResourceVersion = "5", PropagationPolicy = PropagationPolicy.Foreground, GracePeriodSeconds = 3 });
        var body = JsonNode.Parse(Assert.Single(_api.Requests).Body)!;
        Assert.Equal("u", body["preconditions"]!["uid"]!.GetValue<string>());
        Assert.Equal("5", body["preconditions"]!["resourceVersion"]!.GetValue<string>());
        Assert.Equal("Foreground", body["propagationPolicy"]!.GetValue<string>());
        Assert.Equal(3, body["gracePeriodSeconds"]!.GetValue<int>());
    }

    [Fact]
    public async Task TryDelete_Missing_IsFalse()
    {
        using var client = _api.Client();
        Assert.False(await client.Of<V1ConfigMap>().TryDeleteAsync("n", "x"));
        await client.Of<V1ConfigMap>().CreateAsync(Map("x"));
        Assert.True(await client.Of<V1ConfigMap>().TryDeleteAsync("n", "x"));
    }

    [Fact]
    public async Task Unstructured_AnyKind_IsReadAndWritten()
    {
        using var client = _api.Client();
        _api.Script = async (c, s) => s.Path == "/apis/example.org/v1" && await c.JsonAsync(
            """{"kind":"APIResourceList","resources":[{"name":"widgets","kind":"Widget","namespaced":true},{"name":"widgets/status","kind":"Widget","namespaced":true}]}""");
        var type = await client.Discovery.FindAsync("example.org/v1", "Widget");
        Assert.Equal("widgets", type!.Plural);
        Assert.Null(await client.Discovery.FindAsync("example.org/v2", "Widget"));
        var widget = new Unstructured(JsonNode.Parse("""{"apiVersion":"example.org/v1","kind":"Widget","metadata":{"name":"w","namespace":"n"},"spec":{"deep":[1]}}""")!.AsObject());
        var created = await client.Of(type).CreateAsync(widget);
        Assert.Equal("w", created.Metadata.Name);
        Assert.Equal(1, (await client.Of(type).ListAsync("n")).Items.Single().Json["spec"]!["deep"]![0]!.GetValue<int>());
    }

    [Fact]
    public async Task Log_Follow_StreamsAsItIsWritten()
    {
        using var client = _api.Client();
        var more = new TaskCompletionSource();
        _api.Script = async (c, _) =>
        {
            await c.Response.WriteAsync("one\n");
            await c.Response.Body.FlushAsync();
            await more.Task;
            await c.Response.WriteAsync("two\n");
            return true;
        };
        await using var log = await client.Of<V1Pod>().ReadLogAsync("n", "p", new LogOptions { Follow = true, TailLines = 5, Container = "c" });
        using var reader = new StreamReader(log);
        Assert.Equal("one", await reader.ReadLineAsync());
        more.SetResult();
        Assert.Equal("two", await reader.ReadLineAsync());
        Assert.Null(await reader.ReadLineAsync());
        Assert.Equal("?container=c&follow=true&tailLines=5", _api.Requests.Single().Query);
    }

    [Fact]
    public async Task Watch_EventsAndBookmarks_AreReadUntilTheServerEnds()
    {
        using var client = _api.Client();
        _api.Script = async (c, _) =>
        {
            await c.EventAsync("ADDED", """{"metadata":{"name":"a","resourceVersion":"5"}}""");
            await c.EventAsync("BOOKMARK", """{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"8","creationTimestamp":null},"spec":{"containers":null},"status":{}}""");
            await c.EventAsync("DELETED", """{"metadata":{"name":"a","resourceVersion":"9"}}""");
            return true;
        };
        var events = new List<WatchEvent<V1Pod>>();
        await foreach (var e in client.Of<V1Pod>().WatchAsync("n", new WatchOptions { ResourceVersion = "4" }))
        {
            events.Add(e);
        }
        Assert.Equal([WatchEventType.Added, WatchEventType.Bookmark, WatchEventType.Deleted], events.Select(e => e.Type));
        Assert.Equal("8", events[1].Object.Metadata.ResourceVersion);
        Assert.Contains("resourceVersion=4", _api.Requests.Single().Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_ErrorEvent_ThrowsItsStatus()
    {
        using var client = _api.Client();
        _api.Script = async (c, _) =>
        {
            await c.EventAsync("ERROR", """{"kind":"Status","code":410,"reason":"Expired","message":"too old"}""");
            return true;
        };
        var e = await Assert.ThrowsAsync<KubernetesException>(() => DrainAsync(client));
        Assert.True(e.IsGone);
    }

    [Theory]
    [InlineData("garbage\n")]
    [InlineData("{\"type\":\"ADDED\",\"object\":{\"meta\n")]
    [InlineData("{\"type\":\"SURPRISE\",\"object\":{}}\n")]
    [InlineData("{\"type\":\"ADDED\"}\n")]
    public async Task Watch_LineThatIsNoEvent_IsAJsonError(string line)
    {
        using var client = _api.Client();
        _api.Script = async (c, _) =>
        {
            await c.Response.WriteAsync(line);
            return true;
        };
        await Assert.ThrowsAsync<JsonException>(() => DrainAsync(client));
    }

    private static async Task DrainAsync(KubernetesClient client)
    {
        await foreach (var change in client.Of<V1Pod>().WatchAsync("n"))
        {
            Assert.NotNull(change.Object);
        }
    }
}
