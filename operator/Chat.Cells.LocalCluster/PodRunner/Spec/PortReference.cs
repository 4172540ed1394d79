using System.Globalization;

namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>A port by number or by the name of a container's port.</summary>
public static class PortReference
{
    /// <summary>The number, or null when no such port exists.</summary>
    public static int? Resolve(JsonNode? port, IEnumerable<ContainerPortSpec>? ports)
    {
        if (port is not JsonValue value)
        {
            return null;
        }

        if (value.TryGetValue<int>(out var number))
        {
            return number;
        }

        if (!value.TryGetValue<string>(out var text))
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)
            ? number
            : (ports ?? []).FirstOrDefault(candidate => string.Equals(candidate.Name, text, StringComparison.Ordinal))?.ContainerPort;
    }
}
