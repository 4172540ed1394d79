namespace Chat.Cells.LocalCluster.ApiServer.Tables;

/// <summary>The columns of custom kinds: additionalPrinterColumns, or Age when there are none.</summary>
internal static class CrdColumns
{
    private static readonly string[] Types = ["boolean", "date", "integer", "number", "string"];

    public static IReadOnlyList<Column> Read(JsonObject version)
    {
        var columns = version.Items("additionalPrinterColumns").ToList();
        return columns.Count == 0 ? [BuiltInColumns.Age] : [.. columns.Select(Make)];
    }

    public static void Validate(JsonObject version, string path, Violations violations)
    {
        var index = 0;
        foreach (var column in version.Items("additionalPrinterColumns"))
        {
            var at = $"{path}.additionalPrinterColumns[{index++}]";
            if (Array.IndexOf(Types, column.Text("type") ?? "") < 0)
            {
                violations.Invalid($"{at}.type", column["type"], "must be one of " + string.Join(',', Types));
            }

            try
            {
                JsonPath.Parse(column.Text("jsonPath") ?? "");
            }
            catch (FormatException e)
            {
                violations.Invalid($"{at}.jsonPath", column["jsonPath"], e.Message);
            }
        }
    }

    private static Column Make(JsonObject json)
    {
        var path = JsonPath.Parse(json.Text("jsonPath")!);
        var type = json.Text("type")!;
        return new Column(
            json.Text("name")!,
            type,
            (o, now) => Cell(path, type, o, now),
            (int)(json.Number("priority") ?? 0),
            json.Text("format") ?? "",
            json.Text("description") ?? $"Custom resource definition column (in JSONPath format): {json.Text("jsonPath")}");
    }

    private static JsonNode? Cell(JsonPath path, string type, JsonObject value, DateTimeOffset now)
    {
        var found = path.Find(value).ToList();
        if (found.Count == 0)
        {
            return null;
        }

        switch (type)
        {
            case "date":
                return Timestamps.Parse(found[0].Text()) is { } time ? HumanDuration.Format(now - time) : found[0] is null ? null : "<invalid>";
            case "integer":
                return found[0].AsLong();
            case "number":
                return found[0].AsDouble();
            case "boolean":
                return found[0].Flag();
            default:
                return found.Count == 1 ? found[0] is null ? null : JsonText.Scalar(found[0]) : string.Join(',', found.Select(JsonText.Scalar));
        }
    }
}

/// <summary>Durations as kubectl shows ages: 45s, 3m20s, 12m, 5h10m, 3d4h, 120d, 2y10d.</summary>
internal static class HumanDuration
{
    public static string Format(TimeSpan age)
    {
        var seconds = (long)age.TotalSeconds;
        if (seconds < -1)
        {
            return "<invalid>";
        }

        var (minutes, hours) = (seconds / 60, seconds / 3600);
        return seconds switch
        {
            < 0 => "0s",
            < 120 => $"{seconds}s",
            < 600 => Two(minutes, "m", seconds % 60, "s"),
            < 3 * 3600 => $"{minutes}m",
            < 8 * 3600 => Two(hours, "h", minutes % 60, "m"),
            < 48 * 3600 => $"{hours}h",
            < 8 * 86400 => Two(hours / 24, "d", hours % 24, "h"),
            < 2 * 365 * 86400 => $"{hours / 24}d",
            < 8L * 365 * 86400 => Two(hours / 24 / 365, "y", hours / 24 % 365, "d"),
            _ => $"{hours / 24 / 365}y",
        };
    }

    private static string Two(long big, string bigUnit, long small, string smallUnit) => small == 0 ? $"{big}{bigUnit}" : $"{big}{bigUnit}{small}{smallUnit}";
}
