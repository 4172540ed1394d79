using System.Text.Json;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Tests;

public sealed class ModelTests
{
    [Fact]
    public void RoundTrip_UnknownFieldsAtEveryDepth_AreKept()
    {
        const string json = """
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n","selfLink":"/x"},
             "spec":{"containers":[{"name":"c","stdinOnce":true,"ports":[{"containerPort":80,"hostIP":"1.2.3.4"}]}],"dnsPolicy":"Default"},"future":{"a":[1,2]}}
            """;
        var pod = KubernetesJson.Parse<V1Pod>(json);
        var changed = pod with { Metadata = pod.Metadata with { Labels = new Dictionary<string, string> { ["a"] = "b" } } };
        var node = KubernetesJson.ToNode(changed);
        Assert.Equal("/x", node["metadata"]!["selfLink"]!.GetValue<string>());
        Assert.True(node["spec"]!["containers"]![0]!["stdinOnce"]!.GetValue<bool>());
        Assert.Equal("1.2.3.4", node["spec"]!["containers"]![0]!["ports"]![0]!["hostIP"]!.GetValue<string>());
        Assert.Equal("Default", node["spec"]!["dnsPolicy"]!.GetValue<string>());
        Assert.Equal(2, node["future"]!["a"]![1]!.GetValue<int>());
    }

    [Fact]
    public void NewObject_KnownType_CarriesItsApiVersionAndKind()
    {
        var set = new V1StatefulSet();
        Assert.Equal("apps/v1", set.ApiVersion);
        Assert.Equal("StatefulSet", set.Kind);
    }

    [Fact]
    public void Serialize_Lease_WritesTimesWithExactlySixDigits()
    {
        var at = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)).AddTicks(10);
        var json = JsonSerializer.Serialize(new V1LeaseSpec { RenewTime = at }, KubernetesJson.Options);
        Assert.Equal("""{"renewTime":"2026-01-02T01:04:05.000001Z"}""", json);
    }

    [Fact]
    public void Serialize_Time_WritesWholeSeconds()
    {
        var json = JsonSerializer.Serialize(new V1Condition { Type = "Ready", Status = "True", LastTransitionTime = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero) }, KubernetesJson.Options);
        Assert.Contains("\"2026-01-02T03:04:05Z\"", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Serialize_Addresses_UseTheApisOwnCapitals()
    {
        var json = JsonSerializer.Serialize(new V1PodStatus { PodIP = "1.1.1.1", PodIPs = [new V1PodIP { Ip = "1.1.1.1" }], HostIP = "2.2.2.2" }, KubernetesJson.Options);
        Assert.Equal("""{"hostIP":"2.2.2.2","podIP":"1.1.1.1","podIPs":[{"ip":"1.1.1.1"}]}""", json);
        Assert.Equal("""{"clusterIP":"None"}""", JsonSerializer.Serialize(new V1ServiceSpec { ClusterIP = "None" }, KubernetesJson.Options));
        Assert.Contains("downwardAPI", JsonSerializer.Serialize(new V1Volume { Name = "v", DownwardAPI = new V1DownwardApiVolumeSource() }, KubernetesJson.Options), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("80", 80, null)]
    [InlineData("\"http\"", null, "http")]
    public void IntOrString_BothForms_RoundTrip(string json, int? number, string? text)
    {
        var value = JsonSerializer.Deserialize<IntOrString>(json, KubernetesJson.Options);
        Assert.Equal(number, value.Number);
        Assert.Equal(text, value.Text);
        Assert.Equal(json, JsonSerializer.Serialize(value, KubernetesJson.Options));
    }

    [Theory]
    [InlineData("2", "2")]
    [InlineData("0.5", "0.5")]
    [InlineData("\"500m\"", "500m")]
    public void Quantity_NumberOrText_IsKeptAsWritten(string json, string expected) =>
        Assert.Equal(expected, JsonSerializer.Deserialize<Quantity>(json, KubernetesJson.Options).Value);

    [Fact]
    public void ToString_Secret_ShowsNoValue()
    {
        var secret = new V1Secret
        {
            Metadata = new V1ObjectMeta { Name = "s", Namespace = "n" },
            Data = new Dictionary<string, byte[]> { ["key"] = "hidden"u8.ToArray() },
            StringData = new Dictionary<string, string> { ["key"] = "hidden" },
        };
        Assert.Equal("Secret n/s", secret.ToString());
    }

    [Fact]
    public void Paths_AllShapes_AreTheApisOwn()
    {
        Assert.Equal("api/v1/namespaces/n/pods/p/log", ResourceType.Of<V1Pod>().ObjectPath("n", "p", "log"));
        Assert.Equal("api/v1/pods", ResourceType.Of<V1Pod>().CollectionPath(null));
        Assert.Equal("apis/apps/v1/namespaces/n/statefulsets", ResourceType.Of<V1StatefulSet>().CollectionPath("n"));
        Assert.Equal("api/v1/namespaces/n", ResourceType.Of<V1Namespace>().ObjectPath(null, "n"));
        Assert.Throws<ArgumentException>(() => ResourceType.Of<V1Pod>().ObjectPath(null, "p"));
    }
}
