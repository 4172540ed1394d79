using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.ApiServer.Crd;
using Chat.Cells.LocalCluster.ApiServer.Registry;
using Chat.Cells.LocalCluster.PodRunner;
using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

/// <summary>No field of a pod is left aside without a word.</summary>
public sealed class PodFieldsTests
{
    // What the runner does what it says. A field that the schemas get and nobody reads has to be refused or named as without effect.
    private static readonly Dictionary<string, string[]> Done = new(StringComparer.Ordinal)
    {
        ["PodSpec"] = ["containers", "volumes", "restartPolicy", "terminationGracePeriodSeconds", "serviceAccountName", "nodeName", "nodeSelector", "hostname", "automountServiceAccountToken"],
        ["Container"] = ["name", "image", "command", "args", "env", "envFrom", "ports", "volumeMounts", "livenessProbe", "readinessProbe", "startupProbe"],
        ["ContainerPort"] = ["name", "containerPort", "protocol"],
        ["VolumeMount"] = ["name", "mountPath", "subPath"],
        ["Volume"] = ["name", "emptyDir", "configMap", "secret", "persistentVolumeClaim", "projected"],
    };

    // Same here as there, whatever the value: an older name, links that nothing makes, and a detail of what is refused, of hostPort and of stdin.
    private static readonly string[] NeedNoWord = ["PodSpec.serviceAccount", "PodSpec.enableServiceLinks", "ContainerPort.hostIP", "Container.stdinOnce"];

    public static TheoryData<string, string> Fields()
    {
        var data = new TheoryData<string, string>();
        foreach (var (type, done) in Done)
        {
            foreach (var name in BuiltInSchemas.Get(type).Properties.Keys.Except(done, StringComparer.Ordinal).Where(name => !NeedNoWord.Contains($"{type}.{name}", StringComparer.Ordinal)))
            {
                data.Add(type, name);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Fields))]
    public void Field_ThatIsNotRead_IsRefusedOrNamed(string type, string name)
    {
        var field = new JsonObject { [name] = Sample(name, BuiltInSchemas.Get(type).Properties[name]) };
        var pod = Pods.FromSpec(Pod(type, field));

        var refusal = PodSupport.Refusal(pod) ?? NodeStatus.Obstacle(pod);

        Assert.True(
            refusal?.Contains(name == "schedulingGates" ? "scheduling gates" : name is "stdin" or "tty" ? "tty and stdin" : name == "lifecycle" ? "lifecycle hooks" : name, StringComparison.Ordinal)
                ?? PodFields.WithoutEffect(pod).Exists(said => said.StartsWith(name, StringComparison.Ordinal)),
            $"{type}.{name}: refused: {refusal ?? "no"}; without effect: {string.Join(", ", PodFields.WithoutEffect(pod))}");
    }

    [Fact]
    public void Defaults_OfAnApiServer_NeedNoWord()
    {
        var pod = Pods.FromSpec(JsonNode.Parse("""
            {"restartPolicy":"Always","dnsPolicy":"ClusterFirst","schedulerName":"default-scheduler","enableServiceLinks":true,"serviceAccountName":"default","serviceAccount":"default","securityContext":{},
             "hostUsers":true,"os":{"name":"linux"},"shareProcessNamespace":false,"tolerations":[],
             "containers":[{"name":"c","image":"i","imagePullPolicy":"IfNotPresent","terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","resources":{},
              "volumeMounts":[{"name":"v","mountPath":"/x","mountPropagation":"None"},{"name":"m","mountPath":"/m","readOnly":true,"recursiveReadOnly":"Disabled"},
               {"name":"p","mountPath":"/p","readOnly":true}]}],
             "volumes":[{"name":"v","emptyDir":{}},{"name":"m","configMap":{"name":"m"}},
              {"name":"p","projected":{"defaultMode":420,"sources":[{"secret":{"name":"s","items":[{"key":"k","path":"k"}]}},{"configMap":{"name":"m","optional":true}}]}}]}
            """)!.AsObject());

        Assert.Null(PodSupport.Refusal(pod));
        Assert.Null(NodeStatus.Obstacle(pod));
        Assert.Empty(PodFields.WithoutEffect(pod));
    }

    [Fact]
    public void WithoutEffect_EveryPart_SaysWhere()
    {
        var pod = Pods.FromSpec(JsonNode.Parse("""
            {"securityContext":{"runAsUser":1},"priorityClassName":"high","dnsPolicy":"None",
             "containers":[{"name":"c","image":"i","imagePullPolicy":"Always","resources":{"limits":{"memory":"1Gi"}},"volumeMounts":[{"name":"e","mountPath":"/e","readOnly":true},{"name":"d","mountPath":"/d"}]}],
             "volumes":[{"name":"e","emptyDir":{"medium":"Memory","sizeLimit":"1Mi"}},{"name":"d","persistentVolumeClaim":{"claimName":"d","readOnly":true}}]}
            """)!.AsObject());

        Assert.Null(PodSupport.Refusal(pod));
        Assert.Equal(
            ["dnsPolicy", "priorityClassName", "securityContext", "medium of volume e", "sizeLimit of volume e", "readOnly of volume d", "imagePullPolicy of container c", "resources of container c", "readOnly of mount /e"],
            PodFields.WithoutEffect(pod));
    }

    [Theory]
    [InlineData("""{"schedulingGates":[{"name":"wait"}]}""", "Scheduling is blocked due to non-empty scheduling gates")]
    [InlineData("""{"schedulerName":"mine"}""", "not supported here: schedulerName mine")]
    [InlineData("""{"nodeSelector":{"disk":"ssd"}}""", "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")]
    public void Obstacle_PodThatThisNodeDoesNotTake_SaysWhy(string spec, string why) =>
        Assert.StartsWith(why, NodeStatus.Obstacle(Pods.FromSpec(JsonNode.Parse(spec)!.AsObject())), StringComparison.Ordinal);

    [Fact]
    public void Obstacle_SelectorOfThisNode_IsNone() =>
        Assert.Null(NodeStatus.Obstacle(Pods.FromSpec(JsonNode.Parse("""{"schedulerName":"default-scheduler","nodeSelector":{"kubernetes.io/os":"linux"}}""")!.AsObject())));

    private static JsonNode Sample(string name, Schema schema) => schema.Type switch
    {
        _ when name == "hostUsers" => false,
        "boolean" => true,
        "integer" => 7,
        "string" => name == "imagePullPolicy" ? "Always" : "odd",
        "array" => new JsonArray(new JsonObject { ["name"] = "odd" }),
        _ => new JsonObject { ["odd"] = "odd" },
    };

    private static JsonObject Pod(string type, JsonObject field)
    {
        var mount = new JsonObject { ["name"] = "v", ["mountPath"] = "/x" };
        var port = new JsonObject { ["containerPort"] = 80 };
        var volume = new JsonObject { ["name"] = "v", ["emptyDir"] = new JsonObject() };
        var container = new JsonObject { ["name"] = "c", ["image"] = "i", ["ports"] = new JsonArray(port), ["volumeMounts"] = new JsonArray(mount) };
        var pod = new JsonObject { ["containers"] = new JsonArray(container), ["volumes"] = new JsonArray(volume) };
        if (type == "Volume")
        {
            volume.Remove("emptyDir");
        }

        var target = type switch { "PodSpec" => pod, "Container" => container, "ContainerPort" => port, "VolumeMount" => mount, _ => volume };
        foreach (var (name, value) in field)
        {
            target[name] = value?.DeepClone();
        }

        return pod;
    }
}
