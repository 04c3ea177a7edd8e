using FsCheck;
using FsCheck.Fluent;
using System.Text;
using MedPeft.Lora.Data;
using MedPeft.Lora.Data.Tables;

namespace MedPeft.Lora.Tests.Data;

public sealed class CsvReaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a,b\nc,d\n", "a|b;c|d")]
    [InlineData("a,b\r\nc,d", "a|b;c|d")]
    [InlineData("\uFEFFa,b\n", "a|b")]
    [InlineData("\uFEFF", "")]
    [InlineData("", "")]
    [InlineData("\n\r\n\n", "")]
    [InlineData("a,\n,b\n,\n", "a|;|b;|")]
    [InlineData("\"a,b\",\"c\"\"d\",\"e\nf\",\"\"", "a,b|c\"d|e\nf|")]
    [InlineData("\"a\r\nb\"\r\n\r\nc", "a\r\nb;c")]
    [InlineData("é,日本\n", "é|日本")]
    [InlineData(" a , b ", " a | b ")]
    public void Rows_and_fields_are_read_as_they_are(string text, string expected)
    {
        using var csv = new CsvReader(_folder.Write("t.csv", text));
        var rows = new List<string>();
        while (csv.Read()) rows.Add(string.Join('|', Enumerable.Range(0, csv.Count).Select(i => csv[i].ToString())));
        Assert.Equal(expected, string.Join(';', rows));
    }

    [Theory]
    [InlineData("a,b\nc,d\"e\n", 2, 4, "found a quote inside a field without quotes. Quote the whole field and double the quote.")]
    [InlineData("a\n\"b\"c,d\n", 2, 4, "found 'c' after a closing quote; a separator or the line's end fits. Double a quote that belongs to the text.")]
    [InlineData("a\n\nb,\"c\nd\n", 3, 3, "a quote opens here and is never closed. Close it, or double a quote that belongs to the text.")]
    [InlineData("a\nb\rc\n", 2, 2, "found a carriage return without a line feed. Save the file with LF or CRLF line ends.")]
    [InlineData("a\nb\0c\n", 2, 2, "found a NUL character; the file is no text or is damaged. Fetch or export it again.")]
    public void What_a_spreadsheet_would_guess_at_is_an_error_with_its_place(string text, int line, int column, string problem)
    {
        var path = _folder.Write("t.csv", text);
        var error = Assert.Throws<DatasetException>(() => ReadAll(path));
        Assert.Equal($"'{path}', line {line}, column {column}: {problem}", error.Message);
        Assert.Equal((path, line, column, problem), (error.File, error.Line, error.Column, error.Problem));
    }

    [Fact]
    public void Endless_fields_and_rows_are_refused()
    {
        var longField = _folder.Write("field.csv", "a\n" + new string('x', CsvReader.LongestField + 1));
        Assert.Equal(
            $"'{longField}', line 2, column 1: a field starts here that is longer than 65,536 characters. Check the quotes.",
            Assert.Throws<DatasetException>(() => ReadAll(longField)).Message);
        var many = _folder.Write("many.csv", new string(',', CsvReader.MostFields));
        Assert.Equal(
            $"'{many}', line 1, column 4097: the row has more than 4,096 fields. Check the separator and the quotes.",
            Assert.Throws<DatasetException>(() => ReadAll(many)).Message);
        var longRow = _folder.Write("row.csv", string.Join(',', Enumerable.Repeat(new string('x', 60_000), 100)));
        Assert.EndsWith(
            "the row is longer than 4,194,304 characters. Check the quotes.",
            Assert.Throws<DatasetException>(() => ReadAll(longRow)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_longest_field_still_fits() => Assert.Equal(1, ReadAll(_folder.Write("t.csv", new string('x', CsvReader.LongestField))));

    [Fact]
    public void Gzip_is_unpacked_whatever_the_name()
    {
        using var csv = new CsvReader(_folder.Gzip("t.csv", "a,b\n1,2\n"));
        Assert.True(csv.Read() && csv.Read());
        Assert.Equal("2", csv[1].ToString());
    }

    [Theory]
    [InlineData("PK\u0003\u0004xl", "is a ZIP archive or an Excel workbook, not text. Unpack it, or save the sheet as CSV.")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "is a git-lfs pointer, not the file itself. Run 'git lfs pull' where it came from.")]
    [InlineData("\n<!DOCTYPE html><html>", "is an HTML page, not a table or list: the download saved a login or error page. Fetch the file itself.")]
    public void A_download_gone_wrong_is_named(string content, string problem)
    {
        var path = _folder.Write("t.csv", content);
        Assert.Equal($"'{path}' {problem}", Assert.Throws<DatasetException>(() => ReadAll(path)).Message);
    }

    [Fact]
    public void Other_failures_to_read_are_named()
    {
        var missing = _folder.In("none.csv");
        Assert.Equal($"'{missing}' does not exist. Check the path.", Assert.Throws<DatasetException>(() => ReadAll(missing)).Message);
        Assert.Equal($"'{_folder.Path}' is a folder; a file belongs here.", Assert.Throws<DatasetException>(() => ReadAll(_folder.Path)).Message);
        var latin = _folder.Write("latin.csv", Encoding.Latin1.GetBytes("Größe\n"));
        Assert.Equal($"'{latin}' is not UTF-8 text. Save it as UTF-8 (in Excel: 'CSV UTF-8').", Assert.Throws<DatasetException>(() => ReadAll(latin)).Message);
    }

    [Fact]
    public void Damaged_and_cut_gzip_files_are_never_read_as_shorter_ones()
    {
        var gzip = File.ReadAllBytes(_folder.Gzip("good.gz", string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{i * 7919 % 10007}\n"))));
        Assert.Equal(20_000, ReadAll(_folder.Write("same.gz", gzip)));
        var wrong = (byte[])gzip.Clone();
        wrong[^6] ^= 0x55;
        foreach (var bytes in new[] { wrong, gzip[..(gzip.Length / 2)], gzip[..^8], gzip[..^3], gzip[..15] })
        {
            var path = _folder.Write("bad.gz", bytes);
            Assert.Equal(
                $"'{path}' is a damaged or incomplete gzip file, or several in one. Fetch it again, or unpack it.",
                Assert.Throws<DatasetException>(() => ReadAll(path)).Message);
        }
    }

    [Fact]
    public void Every_text_without_quotes_survives_in_quotes()
    {
        Prop.ForAll<string[]>(fields =>
        {
            fields = [.. fields.Select(f => new string([.. (f ?? "").Where(c => c != '\0' && !char.IsSurrogate(c))])), "end"];
            using var csv = new CsvReader(_folder.Write("t.csv", string.Join(',', fields.Select(f => $"\"{f.Replace("\"", "\"\"", StringComparison.Ordinal)}\""))));
            Assert.True(csv.Read());
            Assert.Equal(fields, Enumerable.Range(0, csv.Count).Select(i => csv[i].ToString()));
            Assert.False(csv.Read());
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Any_bytes_end_in_rows_or_in_a_dataset_exception()
    {
        Prop.ForAll<byte[]>(bytes =>
        {
            var path = _folder.Write("t.csv", bytes ?? []);
            try
            {
                ReadAll(path);
            }
            catch (DatasetException e)
            {
                Assert.Equal(path, e.File);
            }
        }).QuickCheckThrowOnFailure();
    }

    private static int ReadAll(string path)
    {
        using var csv = new CsvReader(path);
        var rows = 0;
        while (csv.Read()) rows++;
        return rows;
    }
}
