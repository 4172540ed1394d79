using System.Net;
using System.Text.Json.Nodes;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class ConcurrencyTests
{
    private const string Root = "/api/v1/namespaces/default";

    [Fact]
    public async Task ParallelReadModifyWrite_LosesNoUpdate()
    {
        await using var api = await ApiFixture.StartAsync();
        (await api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap("counter", "0"))).Ok();
        var conflicts = 0;
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            for (var done = 0; done < 20;)
            {
                var current = (await api.GetAsync($"{Root}/configmaps/counter")).Ok().Body!;
                current["data"]!["k"] = (int.Parse((string)current["data"]!["k"]!) + 1).ToString();
                var answer = await api.PutAsync($"{Root}/configmaps/counter", current);
                if (answer.Code == HttpStatusCode.Conflict)
                {
                    Interlocked.Increment(ref conflicts);
                    continue;
                }

                answer.Ok();
                done++;
            }
        }));
        Assert.Equal("120", (string?)(await api.GetAsync($"{Root}/configmaps/counter")).Ok()["data.k"]);
        Assert.True(conflicts > 0, "the writers never met: the test shows nothing");
    }

    [Fact]
    public async Task ParallelServices_GetDistinctAddressesAndPorts()
    {
        await using var api = await ApiFixture.StartAsync();
        var made = await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            api.PostAsync($"{Root}/services", $$$"""{"metadata":{"name":"s{{{i}}}"},"spec":{"type":"NodePort","ports":[{"port":80}]}}""")));
        Assert.Equal(40, made.Select(m => (string)m.Ok()["spec.clusterIP"]!).Distinct().Count());
        Assert.Equal(40, made.Select(m => (int)m["spec.ports.0.nodePort"]).Distinct().Count());
        Assert.Equal(40, made.Select(m => (string)m["metadata.resourceVersion"]!).Distinct().Count());
    }

    [Fact]
    public async Task Services_WhenTheRangeIsFull_AreRefused()
    {
        await using var api = await ApiFixture.StartAsync(o => o with { ServiceCidr = System.Net.IPNetwork.Parse("127.96.0.0/29") });
        static string Service(int i) => $$$"""{"metadata":{"name":"s{{{i}}}"},"spec":{"ports":[{"port":80}]}}""";
        for (var i = 0; i < 5; i++)
        {
            (await api.PostAsync($"{Root}/services", Service(i))).Ok();
        }

        var full = await api.PostAsync($"{Root}/services", Service(9));
        Assert.Equal(HttpStatusCode.InternalServerError, full.Code);
        Assert.Contains("range is full", full.Message);
        (await api.DeleteAsync($"{Root}/services/s2")).Ok();
        (await api.PostAsync($"{Root}/services", Service(9))).Ok();
    }

    [Fact]
    public async Task WatchersUnderParallelWrites_SeeEveryChangeOnceInOrder()
    {
        await using var api = await ApiFixture.StartAsync();
        await using var watch = await WatchReader.OpenAsync(api.Client, $"{Root}/configmaps?watch=true");
        var writing = Task.WhenAll(Enumerable.Range(0, 4).Select(async w =>
        {
            for (var i = 0; i < 25; i++)
            {
                (await api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap($"w{w}-{i}"))).Ok();
            }
        }));
        var seen = new List<JsonNode>();
        await watch.TakeAsync(100, e =>
        {
            seen.Add(e["object"]!);
            return "";
        });
        await writing;
        var versions = seen.Select(o => long.Parse((string)o["metadata"]!["resourceVersion"]!)).ToList();
        Assert.Equal(versions.Order(), versions);
        Assert.Equal(100, seen.Select(o => (string)o["metadata"]!["name"]!).Distinct().Count());
    }
}
