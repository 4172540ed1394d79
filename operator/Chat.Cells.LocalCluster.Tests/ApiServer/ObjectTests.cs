using System.Net;
using System.Text.Json.Nodes;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class ObjectTests : IAsyncLifetime
{
    private const string Root = "/api/v1/namespaces/default";
    private ApiFixture _api = null!;

    public async Task InitializeAsync() => _api = await ApiFixture.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task Create_FillsInWhatTheServerOwns()
    {
        var made = (await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("p"))).Ok();
        Assert.Equal(HttpStatusCode.Created, made.Code);
        Assert.Equal(36, ((string)made["metadata.uid"]!).Length);
        Assert.Equal("Pending", (string?)made["status.phase"]);
        Assert.Equal("Always", (string?)made["spec.restartPolicy"]);
        Assert.Equal(30, (int)made["spec.terminationGracePeriodSeconds"]);
        Assert.EndsWith("Z", (string)made["metadata.creationTimestamp"]!);
        var again = await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("p"));
        Assert.Equal(HttpStatusCode.Conflict, again.Code);
        Assert.Equal("pods \"p\" already exists", again.Message);
        Assert.Equal("AlreadyExists", again.Reason);
    }

    [Fact]
    public async Task Create_WithGenerateName_MakesDistinctNames()
    {
        const string Body = """{"metadata":{"generateName":"x-"}}""";
        var names = new HashSet<string>();
        for (var i = 0; i < 20; i++)
        {
            names.Add((string)(await _api.PostAsync($"{Root}/configmaps", Body)).Ok()["metadata.name"]!);
        }

        Assert.Equal(20, names.Count);
        Assert.All(names, n => Assert.Matches("^x-[a-z0-9]{5}$", n));
    }

    [Fact]
    public async Task Create_InANamespaceThatIsNotThere_IsNotFound()
    {
        var answer = await _api.PostAsync("/api/v1/namespaces/nowhere/configmaps", ApiFixture.ConfigMap("a"));
        Assert.Equal(HttpStatusCode.NotFound, answer.Code);
        Assert.Equal("namespaces \"nowhere\" not found", answer.Message);
    }

    [Theory]
    [InlineData("A")]
    [InlineData("a_b")]
    [InlineData("-a")]
    [InlineData("a..b")]
    [InlineData("")]
    public async Task Create_WithABadName_IsInvalid(string name)
    {
        var answer = await _api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap(name));
        Assert.Equal(422, (int)answer.Code);
        Assert.Equal("Invalid", answer.Reason);
        Assert.Equal("metadata.name", (string?)answer["details.causes.0.field"]);
    }

    [Fact]
    public async Task Create_WithBadLabels_IsInvalid()
    {
        var answer = await _api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap("a", labels: """{"a b":"x","ok":"no spaces"}"""));
        Assert.Equal(422, (int)answer.Code);
        Assert.Equal(2, ((JsonArray)answer["details.causes"]).Count);
    }

    [Fact]
    public async Task Update_WithAnOldVersion_IsAConflictInTheRealWords()
    {
        var first = (await _api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap("a"))).Ok();
        (await _api.MergeAsync($"{Root}/configmaps/a", """{"data":{"k":"2"}}""")).Ok();
        first.Body!["data"]!["k"] = "3";
        var answer = await _api.PutAsync($"{Root}/configmaps/a", first.Body);
        Assert.Equal(HttpStatusCode.Conflict, answer.Code);
        Assert.Equal(
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again",
            answer.Message);
        var stale = await _api.MergeAsync($"{Root}/configmaps/a", """{"metadata":{"resourceVersion":"1"},"data":{"k":"4"}}""");
        Assert.Equal(HttpStatusCode.Conflict, stale.Code);
    }

    [Fact]
    public async Task Update_ThatChangesNothing_WritesNothing()
    {
        var first = (await _api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap("a"))).Ok();
        var second = (await _api.PutAsync($"{Root}/configmaps/a", first.Body!)).Ok();
        var third = (await _api.MergeAsync($"{Root}/configmaps/a", """{"data":{"k":"v"}}""")).Ok();
        Assert.Equal((string?)first["metadata.resourceVersion"], (string?)second["metadata.resourceVersion"]);
        Assert.Equal((string?)first["metadata.resourceVersion"], (string?)third["metadata.resourceVersion"]);
    }

    [Fact]
    public async Task Versions_GrowByOneCounterOverAllKinds()
    {
        var a = (await _api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap("a"))).Ok();
        var b = (await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("a"))).Ok();
        var c = (await _api.MergeAsync($"{Root}/configmaps/a", """{"data":{"k":"2"}}""")).Ok();
        Assert.True(long.Parse((string)a["metadata.resourceVersion"]!) < long.Parse((string)b["metadata.resourceVersion"]!));
        Assert.True(long.Parse((string)b["metadata.resourceVersion"]!) < long.Parse((string)c["metadata.resourceVersion"]!));
    }

    [Fact]
    public async Task DryRun_ChecksAndKeepsNothing()
    {
        var before = (string)(await _api.GetAsync($"{Root}/configmaps")).Ok()["metadata.resourceVersion"]!;
        (await _api.PostAsync($"{Root}/configmaps?dryRun=All", ApiFixture.ConfigMap("a"))).Ok();
        Assert.Equal(422, (int)(await _api.PostAsync($"{Root}/configmaps?dryRun=All", ApiFixture.ConfigMap("A"))).Code);
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync($"{Root}/configmaps/a")).Code);
        Assert.Equal(before, (string)(await _api.GetAsync($"{Root}/configmaps")).Ok()["metadata.resourceVersion"]!);
        Assert.Equal(HttpStatusCode.BadRequest, (await _api.PostAsync($"{Root}/configmaps?dryRun=Some", ApiFixture.ConfigMap("a"))).Code);
    }

    [Fact]
    public async Task Delete_WithPreconditions_ChecksThem()
    {
        var made = (await _api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap("a"))).Ok();
        Assert.Equal(HttpStatusCode.Conflict, (await _api.DeleteAsync($"{Root}/configmaps/a", """{"preconditions":{"uid":"other"}}""")).Code);
        Assert.Equal(HttpStatusCode.Conflict, (await _api.DeleteAsync($"{Root}/configmaps/a", """{"preconditions":{"resourceVersion":"1"}}""")).Code);
        var gone = (await _api.DeleteAsync($"{Root}/configmaps/a", $$$"""{"preconditions":{"uid":"{{{made["metadata.uid"]}}}"}}""")).Ok();
        Assert.Equal("Success", (string?)gone["status"]);
        Assert.Equal(HttpStatusCode.NotFound, (await _api.DeleteAsync($"{Root}/configmaps/a")).Code);
    }

    [Fact]
    public async Task Delete_WithAFinalizer_WaitsForItsRemoval()
    {
        await _api.PostAsync($"{Root}/configmaps", """{"metadata":{"name":"a","finalizers":["example.com/hold"]}}""");
        var deleting = (await _api.DeleteAsync($"{Root}/configmaps/a")).Ok();
        Assert.NotNull(deleting["metadata.deletionTimestamp"]);
        (await _api.GetAsync($"{Root}/configmaps/a")).Ok();
        var added = await _api.MergeAsync($"{Root}/configmaps/a", """{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}""");
        Assert.Equal(422, (int)added.Code);
        (await _api.MergeAsync($"{Root}/configmaps/a", """{"metadata":{"finalizers":null}}""")).Ok();
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync($"{Root}/configmaps/a")).Code);
    }

    [Fact]
    public async Task Delete_OfAPodOnANode_LeavesItUntilTheRunnerConfirms()
    {
        await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("idle"));
        await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("p", node: "local"));
        (await _api.DeleteAsync($"{Root}/pods/idle")).Ok();
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync($"{Root}/pods/idle")).Code);
        var deleting = (await _api.DeleteAsync($"{Root}/pods/p")).Ok();
        Assert.Equal(30, (int)deleting["metadata.deletionGracePeriodSeconds"]);
        var shorter = (await _api.DeleteAsync($"{Root}/pods/p", """{"gracePeriodSeconds":5}""")).Ok();
        Assert.Equal(5, (int)shorter["metadata.deletionGracePeriodSeconds"]);
        (await _api.DeleteAsync($"{Root}/pods/p?gracePeriodSeconds=0")).Ok();
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync($"{Root}/pods/p")).Code);
    }

    [Fact]
    public async Task Pod_AfterCreation_ChangesOnlyImageAndNode()
    {
        await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("p"));
        (await _api.MergeAsync($"{Root}/pods/p", """{"spec":{"nodeName":"local"}}""")).Ok();
        (await _api.StrategicAsync($"{Root}/pods/p", """{"spec":{"containers":[{"name":"c","image":"y"}]}}""")).Ok();
        var moved = await _api.MergeAsync($"{Root}/pods/p", """{"spec":{"nodeName":"other"}}""");
        Assert.Equal(422, (int)moved.Code);
        Assert.StartsWith("Pod \"p\" is invalid: spec: Forbidden: pod updates may not change fields other than", moved.Message);
    }

    [Fact]
    public async Task Status_IsWrittenOnlyThroughItsSubresource()
    {
        await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("p"));
        var main = (await _api.MergeAsync($"{Root}/pods/p", """{"status":{"phase":"Running"}}""")).Ok();
        Assert.Equal("Pending", (string?)main["status.phase"]);
        var status = (await _api.MergeAsync($"{Root}/pods/p/status", """{"status":{"phase":"Running"},"spec":{"nodeName":"x"}}""")).Ok();
        Assert.Equal("Running", (string?)status["status.phase"]);
        Assert.Null(status.Body!["spec"]!["nodeName"]);
    }

    [Fact]
    public async Task Services_GetAddressesAndNodePorts()
    {
        var made = (await _api.PostAsync($"{Root}/services", """{"metadata":{"name":"a"},"spec":{"type":"NodePort","ports":[{"port":80}]}}""")).Ok();
        var address = (string)made["spec.clusterIP"]!;
        Assert.StartsWith("127.96.", address);
        Assert.InRange((int)made["spec.ports.0.nodePort"], 30000, 32767);
        Assert.Equal(80, (int)made["spec.ports.0.targetPort"]);
        var taken = await _api.PostAsync($"{Root}/services", $$$"""{"metadata":{"name":"b"},"spec":{"clusterIP":"{{{address}}}","ports":[{"port":80}]}}""");
        Assert.Contains("provided IP is already allocated", taken.Message);
        var outside = await _api.PostAsync($"{Root}/services", """{"metadata":{"name":"b"},"spec":{"clusterIP":"10.0.0.1","ports":[{"port":80}]}}""");
        Assert.Contains("is not in the valid range", outside.Message);
        var port = await _api.PostAsync($"{Root}/services", $$$"""{"metadata":{"name":"b"},"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":{{{made["spec.ports.0.nodePort"]}}}}]}}""");
        Assert.Contains("spec.ports[0].nodePort: Invalid value", port.Message);
        Assert.Contains("provided port is already allocated", port.Message);
        var moved = await _api.MergeAsync($"{Root}/services/a", """{"spec":{"clusterIP":"127.96.1.1"}}""");
        Assert.Contains("spec.clusterIPs[0]: Invalid value: \"127.96.1.1\": may not change once set", moved.Message);
        var kept = (await _api.MergeAsync($"{Root}/services/a", """{"metadata":{"labels":{"x":"y"}}}""")).Ok();
        Assert.Equal(address, (string?)kept["spec.clusterIP"]);
        var headless = (await _api.PostAsync($"{Root}/services", """{"metadata":{"name":"h"},"spec":{"clusterIP":"None"}}""")).Ok();
        Assert.Equal("None", (string?)headless["spec.clusterIP"]);
        Assert.Equal(HttpStatusCode.NotImplemented, (await _api.PostAsync($"{Root}/services", """{"metadata":{"name":"l"},"spec":{"type":"LoadBalancer","ports":[{"port":80}]}}""")).Code);
    }

    [Fact]
    public async Task StatefulSet_ImmutableFields_AreRefused()
    {
        const string Sets = "/apis/apps/v1/namespaces/default/statefulsets";
        const string Body = """
            {"metadata":{"name":"s"},"spec":{"serviceName":"s","selector":{"matchLabels":{"app":"s"}},"template":{"metadata":{"labels":{"app":"s"}},
            "spec":{"containers":[{"name":"c","image":"x","volumeMounts":[{"name":"data","mountPath":"/d"}]}]}},
            "volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}}
            """;
        var made = (await _api.PostAsync(Sets, Body)).Ok();
        Assert.Equal(1, (int)made["metadata.generation"]);
        foreach (var patch in (string[])["""{"spec":{"serviceName":"t"}}""", """{"spec":{"selector":{"matchLabels":{"app":"t"}}}}""", """{"spec":{"volumeClaimTemplates":null}}"""])
        {
            var answer = await _api.MergeAsync(Sets + "/s", patch);
            Assert.Equal(422, (int)answer.Code);
            Assert.Contains("spec: Forbidden: updates to statefulset spec for fields other than", answer.Message);
        }

        var scaled = (await _api.MergeAsync(Sets + "/s/scale", """{"spec":{"replicas":3}}""")).Ok();
        Assert.Equal("app=s", (string?)scaled["status.selector"]);
        var now = (await _api.GetAsync(Sets + "/s")).Ok();
        Assert.Equal(3, (int)now["spec.replicas"]);
        Assert.Equal(2, (int)now["metadata.generation"]);
        var labelled = (await _api.MergeAsync(Sets + "/s", """{"metadata":{"labels":{"a":"b"}}}""")).Ok();
        Assert.Equal(2, (int)labelled["metadata.generation"]);
        var mismatch = await _api.PostAsync(Sets, Body.Replace("\"name\":\"s\"", "\"name\":\"t\"").Replace("\"labels\":{\"app\":\"s\"}", "\"labels\":{\"app\":\"z\"}"));
        Assert.Contains("`selector` does not match template `labels`", mismatch.Message);
        Assert.Contains("spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"data\"", (await _api.PostAsync(Sets, Body.Replace("\"name\":\"s\"", "\"name\":\"u\"").Replace("\"metadata\":{\"name\":\"data\"}", "\"metadata\":{\"name\":\"other\"}"))).Message);
    }

    [Fact]
    public async Task Secret_StringData_BecomesData()
    {
        var made = (await _api.PostAsync($"{Root}/secrets", """{"metadata":{"name":"s"},"stringData":{"p":"hunter2"}}""")).Ok();
        Assert.Equal("aHVudGVyMg==", (string?)made["data.p"]);
        Assert.Null(made.Body!["stringData"]);
        Assert.Equal("Opaque", (string?)made["type"]);
        Assert.Equal(HttpStatusCode.BadRequest, (await _api.PostAsync($"{Root}/secrets", """{"metadata":{"name":"t"},"data":{"p":"!"}}""")).Code);
        (await _api.MergeAsync($"{Root}/secrets/s", """{"immutable":true}""")).Ok();
        Assert.Equal(422, (int)(await _api.MergeAsync($"{Root}/secrets/s", """{"data":{"p":"eA=="}}""")).Code);
    }

    [Fact]
    public async Task KindsThatAreNotEnforced_WarnWhenTheyAreWritten()
    {
        var made = (await _api.PostAsync("/apis/policy/v1/namespaces/default/poddisruptionbudgets", """{"metadata":{"name":"p"},"spec":{"maxUnavailable":1}}""")).Ok();
        Assert.Contains(made.Warnings, w => w.Contains("not enforced here"));
        Assert.Empty((await _api.GetAsync("/apis/policy/v1/namespaces/default/poddisruptionbudgets")).Ok().Warnings);
        var role = (await _api.PostAsync("/apis/rbac.authorization.k8s.io/v1/clusterroles", """{"metadata":{"name":"system:x"},"rules":[]}""")).Ok();
        Assert.Contains(role.Warnings, w => w.Contains("not enforced here"));
    }

    [Fact]
    public async Task Pods_WithFieldsThatAreNotDoneHere_WarnWhenTheyAreWritten()
    {
        const string Spec = """{"securityContext":{"runAsUser":1},"containers":[{"name":"c","image":"x","ports":[{"containerPort":80,"hostPort":80}],"volumeMounts":[{"name":"data","mountPath":"/d"}]}]VOLUMES}""";
        var pod = (await _api.PostAsync($"{Root}/pods", $$$"""{"metadata":{"name":"p"},"spec":{{{Spec.Replace("VOLUMES", ",\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}}]")}}}}""")).Ok();
        Assert.Equal(
            ["299 - \"spec: not supported here: hostPort 80 in container c (a Service of type NodePort is); the pod will not start\"", "299 - \"spec: without effect here: securityContext\""],
            pod.Warnings);
        Assert.Empty((await _api.GetAsync($"{Root}/pods/p")).Ok().Warnings);
        Assert.Empty((await _api.MergeAsync($"{Root}/pods/p/status", """{"status":{"phase":"Pending"}}""")).Ok().Warnings);

        var template = Spec.Replace("VOLUMES", "").Replace(",\"hostPort\":80", "");
        var set = (await _api.PostAsync("/apis/apps/v1/namespaces/default/statefulsets", """
            {"metadata":{"name":"s"},"spec":{"serviceName":"s","selector":{"matchLabels":{"app":"s"}},"template":{"metadata":{"labels":{"app":"s"}},"spec":TEMPLATE},
             "volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}}
            """.Replace("TEMPLATE", template))).Ok();
        Assert.Equal(["299 - \"spec.template.spec: without effect here: securityContext\""], set.Warnings);

        var unreadable = (await _api.PostAsync($"{Root}/pods", """{"metadata":{"name":"q"},"spec":{"containers":[{"name":"c","image":"x","envFrom":["odd"]}]}}""")).Ok();
        Assert.Contains("the pod cannot be read", Assert.Single(unreadable.Warnings));
    }

    [Fact]
    public async Task Restart_KeepsEverything()
    {
        var made = (await _api.PostAsync($"{Root}/pods", ApiFixture.Pod("p"))).Ok();
        (await _api.PostAsync($"{Root}/configmaps", ApiFixture.ConfigMap("gone"))).Ok();
        (await _api.DeleteAsync($"{Root}/configmaps/gone")).Ok();
        var list = (await _api.GetAsync($"{Root}/pods")).Ok();
        await _api.RestartAsync();
        var after = (await _api.GetAsync($"{Root}/pods")).Ok();
        Assert.Equal(list.Body!.ToJsonString(), after.Body!.ToJsonString());
        Assert.Equal((string?)made["metadata.uid"], (string?)after["items.0.metadata.uid"]);
        Assert.Equal(HttpStatusCode.NotFound, (await _api.GetAsync($"{Root}/configmaps/gone")).Code);
    }
}
