using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

public sealed class SpecTests
{
    private static readonly Dictionary<string, string> Variables = new(StringComparer.Ordinal) { ["A"] = "1", ["HOST"] = "here" };

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("$(A)-$(HOST)", "1-here")]
    [InlineData("$(UNKNOWN)", "$(UNKNOWN)")]
    [InlineData("$$(A)", "$(A)")]
    [InlineData("$$$(A)", "$1")]
    [InlineData("cost $5 $", "cost $5 $")]
    [InlineData("$(A", "$(A")]
    public void Expand_ReferencesAndEscapes_AsKubernetes(string text, string expected) =>
        Assert.Equal(expected, VariableExpansion.Expand(text, Variables));

    [Theory]
    [InlineData("/data", "/real")]
    [InlineData("/data/", "/real/")]
    [InlineData("--store=/data/a.db", "--store=/real/a.db")]
    [InlineData("Data Source=/data;Mode=x", "Data Source=/real;Mode=x")]
    [InlineData("file:///data/x", "file:///real/x")]
    [InlineData("/data/sub/x,/data/y", "/real-sub/x,/real/y")]
    [InlineData("/database", "/database")]
    [InlineData("/old/data", "/old/data")]
    [InlineData("./data", "./data")]
    [InlineData("http://host/data", "http://host/data")]
    public void Rewrite_MountPathAsPrefix_BecomesTheFolder(string text, string expected) =>
        Assert.Equal(expected, new MountPaths([("/data", "/real"), ("/data/sub/", "/real-sub")]).Rewrite(text));

    [Fact]
    public void Rewrite_TextWithoutMountPath_StaysAsItIs() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>().Filter(text => text is not null && !text.Contains("/data", StringComparison.Ordinal)),
            text => new MountPaths([("/data", "/real")]).Rewrite(text) == text).QuickCheckThrowOnFailure();

    [Fact]
    public void Resolve_EverySource_GivesItsValue()
    {
        var pod = Pods.Make("""
            {"name":"c","image":"i","envFrom":[{"prefix":"P_","configMapRef":{"name":"settings"}},{"secretRef":{"name":"missing","optional":true}}],
             "env":[{"name":"PLAIN","value":"x"},{"name":"MIXED","value":"$(PLAIN)-$(P_color)-$(LATER)"},{"name":"LATER","value":"y"},
                    {"name":"KEY","valueFrom":{"configMapKeyRef":{"name":"settings","key":"color"}}},{"name":"SECRET","valueFrom":{"secretKeyRef":{"name":"keys","key":"token"}}},
                    {"name":"NONE","valueFrom":{"secretKeyRef":{"name":"keys","key":"absent","optional":true}}},
                    {"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},{"name":"ME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
                    {"name":"NS","valueFrom":{"fieldRef":{"fieldPath":"metadata.namespace"}}},{"name":"NODE","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}},
                    {"name":"LABEL","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app.kubernetes.io/name']"}}},{"name":"NOTE","valueFrom":{"fieldRef":{"fieldPath":"metadata.annotations['note']"}}}]}
            """);
        var source = new FakeObjects();
        source.ConfigMaps["ns/settings"] = new() { ["color"] = "blue"u8.ToArray(), ["not-portable.key"] = "z"u8.ToArray() };
        source.Secrets["ns/keys"] = new() { ["token"] = "s3cret"u8.ToArray() };

        var env = PodEnvironment.Resolve(pod, pod.Spec.Containers![0], new PodPlacement("127.65.0.10", "127.0.0.1", "local"), source);

        Assert.Equal("blue", env["P_color"]);
        Assert.Equal("x-blue-$(LATER)", env["MIXED"]);
        Assert.Equal("blue", env["KEY"]);
        Assert.Equal("s3cret", env["SECRET"]);
        Assert.False(env.ContainsKey("NONE"));
        Assert.False(env.ContainsKey("P_not-portable.key"));
        Assert.Equal(("127.65.0.10", "p", "ns", "local", "web", "hello"), (env["IP"], env["ME"], env["NS"], env["NODE"], env["LABEL"], env["NOTE"]));
    }

    [Theory]
    [InlineData("""{"configMapKeyRef":{"name":"absent","key":"k"}}""", "configmap \"absent\" not found")]
    [InlineData("""{"configMapKeyRef":{"name":"settings","key":"k"}}""", "couldn't find key k in ConfigMap ns/settings")]
    [InlineData("""{"secretKeyRef":{"name":"absent","key":"k"}}""", "secret \"absent\" not found")]
    [InlineData("""{"fieldRef":{"fieldPath":"status.phase"}}""", "not supported here: fieldRef status.phase")]
    public void Resolve_ReferenceThatLeadsNowhere_SaysWhich(string valueFrom, string message)
    {
        var pod = Pods.Make($$"""{"name":"c","image":"i","env":[{"name":"X","valueFrom":{{valueFrom}}}]}""");
        var source = new FakeObjects();
        source.ConfigMaps["ns/settings"] = new() { ["color"] = "blue"u8.ToArray() };
        var e = Assert.Throws<PodConfigException>(() => PodEnvironment.Resolve(pod, pod.Spec.Containers![0], new PodPlacement("1", "2", "3"), source));
        Assert.Equal(message, e.Message);
    }

    [Theory]
    [InlineData("""{"initContainers":[{"name":"i"}]}""", "initContainers")]
    [InlineData("""{"hostNetwork":true}""", "hostNetwork")]
    [InlineData("""{"volumes":[{"name":"v","hostPath":{"path":"/"}}]}""", "volume v of kind hostPath")]
    [InlineData("""{"volumes":[{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}]}""", "source serviceAccountToken of the projected volume v")]
    [InlineData("""{"volumes":[{"name":"v","projected":{"sources":[{"downwardAPI":{"items":[]}}]}}]}""", "source downwardAPI of the projected volume v")]
    [InlineData("""{"volumes":[{"name":"v","projected":{"sources":[{}]}}]}""", "source without exactly one kind of the projected volume v")]
    [InlineData("""{"volumes":[{"name":"v","projected":{"sources":[{"secret":{"name":"s"},"configMap":{"name":"m"}}]}}]}""", "source without exactly one kind of the projected volume v")]
    [InlineData("""{"volumes":[{"name":"v","projected":{"sources":[],"ofNextYear":1}}]}""", "ofNextYear of the projected volume v")]
    [InlineData("""{"volumes":[{"name":"../../v","emptyDir":{}}]}""", "volume name \"../../v\"")]
    [InlineData("""{"volumes":[{"name":"/etc","configMap":{"name":"m"}}]}""", "volume name \"/etc\"")]
    [InlineData("""{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"../other/data"}}]}""", "claim name \"../other/data\"")]
    [InlineData("""{"containers":[{"name":"../c","image":"i"}]}""", "container name \"../c\"")]
    [InlineData("""{"containers":[{"name":"c","image":"i","livenessProbe":{"exec":{"command":["x"]}}}]}""", "livenessProbe by exec")]
    [InlineData("""{"containers":[{"name":"c","image":"i","startupProbe":{"grpc":{"port":1}}}]}""", "startupProbe by grpc")]
    [InlineData("""{"containers":[{"name":"c","image":"i","lifecycle":{"preStop":{"exec":{"command":["x"]}}}}]}""", "lifecycle hooks")]
    [InlineData("""{"containers":[{"name":"c","image":"i","env":[{"name":"M","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}]}]}""", "env M from resourceFieldRef")]
    [InlineData("""{"containers":[{"name":"c","image":"i","env":[{"name":"a.b","value":"x"}]}]}""", "env name \"a.b\"")]
    [InlineData("""{"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"gone","mountPath":"/x"}]}]}""", "of volume gone")]
    [InlineData("""{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/x","subPath":"../y"}]}]}""", "it leaves its volume")]
    [InlineData("""{"containers":[]}""", "a pod without containers")]
    [InlineData("""{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80,"hostPort":8080}]}]}""", "hostPort 8080 in container c")]
    [InlineData("""{"containers":[{"name":"c","image":"i","workingDir":"/app"}]}""", "workingDir /app in container c")]
    [InlineData("""{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c","image":"i","workingDir":"/x/../y","volumeMounts":[{"name":"v","mountPath":"/x"}]}]}""", "workingDir /x/../y")]
    [InlineData("""{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c","image":"i","workingDir":"/xy","volumeMounts":[{"name":"v","mountPath":"/x"}]}]}""", "workingDir /xy")]
    [InlineData("""{"containers":[{"name":"c","image":"i","readinessProbe":{"httpGet":{"port":1,"scheme":"GOPHER"}}}]}""", "scheme GOPHER of the readinessProbe")]
    [InlineData("""{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/x","mountPropagation":"Bidirectional"}]}]}""", "mountPropagation of mount /x")]
    [InlineData("""{"activeDeadlineSeconds":5}""", "activeDeadlineSeconds")]
    [InlineData("""{"os":{"name":"windows"}}""", "os")]
    [InlineData("""{"aFieldOfNextYear":{"x":1}}""", "aFieldOfNextYear")]
    public void Refusal_WhatIsNotDoneHere_IsNamed(string spec, string named)
    {
        var full = JsonNode.Parse(spec)!.AsObject();
        full["containers"] ??= JsonNode.Parse("""[{"name":"c","image":"i"}]""");
        var refusal = PodSupport.Refusal(Pods.FromSpec(full));
        Assert.StartsWith("not supported here: ", refusal, StringComparison.Ordinal);
        Assert.Contains(named, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Refusal_WhatIsDoneHere_IsNone() => Assert.Null(PodSupport.Refusal(Pods.Make("""
        {"name":"c","image":"i","readinessProbe":{"httpGet":{"path":"/","port":80}},"livenessProbe":{"tcpSocket":{"port":"web"}},"ports":[{"name":"web","containerPort":80}]}
        """)));

    [Fact]
    public void Command_ImageThenCommandThenArgs_WithVariablesAndMounts()
    {
        var pod = Pods.Make("""
            {"name":"c","image":"i","command":["run"],"args":["--data","/data/x","--me=$(ME)"],"env":[{"name":"ME","value":"p"},{"name":"WHERE","value":"/data"}],
             "volumeMounts":[{"name":"v","mountPath":"/data"}]}
            """);
        var launch = ContainerCommand.Resolve(pod, pod.Spec.Containers![0], ["dotnet", "cell.dll"], new PodPlacement("1", "2", "3"), new FakeObjects(), new MountPaths([("/data", "/real")]), "/kube");
        Assert.Equal(["dotnet", "cell.dll", "run", "--data", "/real/x", "--me=p"], launch.Command);
        Assert.Equal(("/real", "/kube", "p"), (launch.Environment["WHERE"], launch.Environment["KUBECONFIG"], launch.Environment["HOSTNAME"]));
    }
}

internal static class Pods
{
    public static PodObject Make(string container, string restartPolicy = "Always", string? volumes = null, string name = "p") => FromSpec(new JsonObject
    {
        ["containers"] = new JsonArray(JsonNode.Parse(container)),
        ["restartPolicy"] = restartPolicy,
        ["terminationGracePeriodSeconds"] = 20,
        ["volumes"] = volumes is null ? null : JsonNode.Parse(volumes),
    }, name);

    public static PodObject FromSpec(JsonObject spec, string name = "p") => PodObject.Parse(new JsonObject
    {
        ["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["namespace"] = "ns",
            ["uid"] = Guid.NewGuid().ToString(),
            ["labels"] = new JsonObject { ["app.kubernetes.io/name"] = "web" },
            ["annotations"] = new JsonObject { ["note"] = "hello" },
        },
        ["spec"] = spec,
    });
}
