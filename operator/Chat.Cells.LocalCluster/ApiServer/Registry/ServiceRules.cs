using System.Net;
using System.Security.Cryptography;

namespace Chat.Cells.LocalCluster.ApiServer.Registry;

/// <summary>Services: addresses from the service CIDR, node ports, and what may not change.</summary>
internal sealed class ServiceRules : KindRules
{
    private const int FirstNodePort = 30000;
    private const int LastNodePort = 32767;
    private static readonly string[] Types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

    public override string? NameProblem(string name) => Names.ServiceProblem(name);

    public override void PrepareCreate(JsonObject value, WriteContext context)
    {
        value["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() };
        Complete(value, null, context);
    }

    public override void PrepareUpdate(JsonObject value, JsonObject old, WriteContext context) => Complete(value, old, context);

    public override void Validate(JsonObject value, JsonObject? old, Violations violations)
    {
        var spec = value["spec"] as JsonObject ?? [];
        var type = spec.Text("type") ?? "ClusterIP";
        if (Array.IndexOf(Types, type) < 0)
        {
            violations.NotSupported("spec.type", type, Types.Select(t => (JsonNode?)t));
        }

        var headless = spec.Text("clusterIP") == "None";
        if (!spec.Items("ports").Any() && !headless && type != "ExternalName")
        {
            violations.Required("spec.ports");
        }

        ValidatePorts(spec, violations);
        if (old is not null)
        {
            var before = old.Text("spec", "clusterIP") ?? "";
            if (before.Length > 0 && type != "ExternalName" && spec.Text("clusterIP") != before)
            {
                violations.Invalid("spec.clusterIPs[0]", spec["clusterIP"] ?? "", "may not change once set");
            }
        }
    }

    private static void ValidatePorts(JsonObject spec, Violations violations)
    {
        var ports = spec.Items("ports").ToList();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < ports.Count; i++)
        {
            var at = $"spec.ports[{i}]";
            var name = ports[i].Text("name") ?? "";
            if (name.Length == 0 && ports.Count > 1)
            {
                violations.Required($"{at}.name");
            }
            else if (name.Length > 0 && Names.LabelProblem(name) is { } problem)
            {
                violations.Invalid($"{at}.name", name, problem);
            }

            if (name.Length > 0 && !names.Add(name))
            {
                violations.Duplicate($"{at}.name", name);
            }

            if (ports[i].Number("port") is < 1 or > 65535)
            {
                violations.Invalid($"{at}.port", ports[i]["port"], "must be between 1 and 65535, inclusive");
            }

            if (ports[i].Text("protocol") is { } protocol and not ("TCP" or "UDP" or "SCTP"))
            {
                violations.NotSupported($"{at}.protocol", protocol, ["SCTP", "TCP", "UDP"]);
            }
        }
    }

    private static void Complete(JsonObject value, JsonObject? old, WriteContext context)
    {
        var spec = value.Child("spec");
        var type = spec.Text("type") ?? "ClusterIP";
        foreach (var port in spec.Items("ports"))
        {
            port["targetPort"] ??= port["port"]?.DeepClone();
        }

        if (type == "ExternalName")
        {
            spec.Remove("clusterIP");
            spec.Remove("clusterIPs");
            return;
        }

        if (type == "LoadBalancer")
        {
            throw ApiException.NotSupportedHere("Services of type LoadBalancer");
        }

        spec["internalTrafficPolicy"] ??= "Cluster";
        spec["ipFamilyPolicy"] ??= "SingleStack";
        spec["ipFamilies"] ??= new JsonArray("IPv4");
        AssignAddress(spec, old, context);
        if (type == "NodePort")
        {
            spec["externalTrafficPolicy"] ??= "Cluster";
            AssignNodePorts(spec, old, context);
        }
        else
        {
            foreach (var port in spec.Items("ports"))
            {
                port.Remove("nodePort");
            }
        }
    }

    private static void AssignAddress(JsonObject spec, JsonObject? old, WriteContext context)
    {
        var address = spec.Text("clusterIP") ?? "";
        if (address.Length == 0 && old is not null)
        {
            address = old.Text("spec", "clusterIP") ?? ""; // An update that leaves the address out keeps it.
        }

        var uid = old.Text("metadata", "uid") ?? "";
        var taken = context.Transaction.Objects.List("services").Where(s => s.Uid != uid).Select(s => s.Parse().Text("spec", "clusterIP")).OfType<string>().ToHashSet(StringComparer.Ordinal);
        if (address.Length == 0)
        {
            address = ServiceAddresses.Free(context.Options.ServiceCidr, taken) ?? throw new ApiException(500, "InternalError", "failed to allocate IP: range is full");
        }
        else if (address != "None" && old is null)
        {
            if (!IPAddress.TryParse(address, out var ip) || !context.Options.ServiceCidr.Contains(ip))
            {
                Refuse(spec, context, $"the provided IP ({address}) is not in the valid range. The range of valid IPs is {context.Options.ServiceCidr}");
            }

            if (taken.Contains(address))
            {
                Refuse(spec, context, "failed to allocate IP " + address + ": provided IP is already allocated");
            }
        }

        spec["clusterIP"] = address;
        spec["clusterIPs"] = new JsonArray(address);
    }

    private static void Refuse(JsonObject spec, WriteContext context, string why)
    {
        var violations = new Violations();
        violations.Invalid("spec.clusterIPs", new JsonArray(spec.Text("clusterIP")), why);
        violations.ThrowIfAny(context.Kind.Group, context.Kind.Kind, "");
    }

    private static void AssignNodePorts(JsonObject spec, JsonObject? old, WriteContext context)
    {
        var uid = old.Text("metadata", "uid") ?? "";
        var taken = context.Transaction.Objects.List("services").Where(s => s.Uid != uid)
            .SelectMany(s => s.Parse().At("spec").Items("ports")).Select(p => p.Number("nodePort")).OfType<long>().ToHashSet();
        var index = 0;
        foreach (var port in spec.Items("ports"))
        {
            var at = $"spec.ports[{index++}].nodePort";
            var before = old.At("spec").Items("ports").FirstOrDefault(p => JsonNodes.Same(p["port"], port["port"]) && p.Text("protocol") == port.Text("protocol"));
            var wanted = port.Number("nodePort") is > 0 and var given ? given : before.Number("nodePort");
            var violations = new Violations();
            if (wanted is < FirstNodePort or > LastNodePort)
            {
                violations.Invalid(at, wanted, $"provided port is not in the valid range. The range of valid ports is {FirstNodePort}-{LastNodePort}");
            }
            else if (wanted is { } fixedPort && taken.Contains(fixedPort))
            {
                violations.Invalid(at, fixedPort, "provided port is already allocated");
            }

            violations.ThrowIfAny(context.Kind.Group, context.Kind.Kind, "");
            wanted ??= FreeNodePort(taken) ?? throw new ApiException(500, "InternalError", "failed to allocate a nodePort: range is full");
            taken.Add(wanted.Value);
            port["nodePort"] = wanted.Value;
        }
    }

    private static long? FreeNodePort(HashSet<long> taken)
    {
        // From a random start, so that a port that was just given back is not handed out at once.
        var count = LastNodePort - FirstNodePort + 1;
        var start = RandomNumberGenerator.GetInt32(count);
        for (var i = 0; i < count; i++)
        {
            var port = FirstNodePort + ((start + i) % count);
            if (!taken.Contains(port))
            {
                return port;
            }
        }

        return null;
    }
}

/// <summary>Addresses of the service CIDR.</summary>
internal static class ServiceAddresses
{
    /// <summary>A free address of the range, from a random start; null when there is none. The network's own, the first (the API's) and the last address are left out.</summary>
    public static string? Free(IPNetwork range, IReadOnlySet<string> taken)
    {
        var size = 1L << (32 - range.PrefixLength);
        var first = ToNumber(range.BaseAddress);
        var usable = size - 3;
        if (usable <= 0)
        {
            return null;
        }

        var start = RandomNumberGenerator.GetInt32((int)Math.Min(usable, int.MaxValue));
        for (long i = 0; i < usable; i++)
        {
            var address = FromNumber(first + 2 + ((start + i) % usable));
            if (!taken.Contains(address))
            {
                return address;
            }
        }

        return null;
    }

    private static long ToNumber(IPAddress address) => address.GetAddressBytes().Aggregate(0L, (n, b) => (n << 8) | b);

    private static string FromNumber(long n) => $"{(n >> 24) & 255}.{(n >> 16) & 255}.{(n >> 8) & 255}.{n & 255}";
}
