-- | Inputs and outputs. What "Prelude" and other libraries read under @\/in@ and write under @\/out@ works as well.
module WRun.Files
  ( readText, readBytes, readLazy, onlyFile, files, outputPath
  , writeOutput, writeText, writeBytes, writeLazy
  ) where

import qualified Data.ByteString as B
import qualified Data.ByteString.Lazy as L
import Data.List (sort)
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import System.Directory (createDirectoryIfMissing, listDirectory)
import System.FilePath (takeDirectory, (</>))
import WRun.Requires (Input, inputPath)
import WRun.World (current, outFolder)

-- | The path of a file of an input; with the name empty, of the only one in it.
place :: Input -> FilePath -> IO FilePath
place input "" = onlyFile input
place input name = pure (inputPath input </> name)

-- | Reads a file of UTF-8 text, strictly; with the name empty, the only file of the input.
readText :: Input -> FilePath -> IO T.Text
readText input name = do
  at <- place input name
  bytes <- B.readFile at
  either (\_ -> ioError (userError ("`" ++ at ++ "` is no UTF-8"))) pure (T.decodeUtf8' bytes)

-- | Reads a file strictly.
readBytes :: Input -> FilePath -> IO B.ByteString
readBytes input name = place input name >>= B.readFile

-- | Reads a file as it is used, in pieces.
readLazy :: Input -> FilePath -> IO L.ByteString
readLazy input name = place input name >>= L.readFile

-- | The path of the only file of an input.
onlyFile :: Input -> IO FilePath
onlyFile input = do
  found <- files input ""
  case found of
    [one] -> pure (inputPath input </> one)
    [] -> ioError (userError ("`" ++ inputPath input ++ "` is empty: one file is due"))
    _ -> ioError (userError ("there is more than one file in `" ++ inputPath input ++ "`"))

-- | Names in a folder of an input, in order.
files :: Input -> FilePath -> IO [FilePath]
files input folder = sort <$> listDirectory (if null folder then inputPath input else inputPath input </> folder)

-- | The path of an output, with the folders above it made.
outputPath :: FilePath -> IO FilePath
outputPath name = do
  folder <- maybe "/out" outFolder <$> current
  let at = folder </> name
  createDirectoryIfMissing True (takeDirectory at)
  pure at

-- | Writes a whole output as UTF-8.
writeOutput :: FilePath -> String -> IO ()
writeOutput name content = outputPath name >>= \at -> writeFile at content

-- | Writes a whole output as UTF-8.
writeText :: FilePath -> T.Text -> IO ()
writeText name content = writeBytes name (T.encodeUtf8 content)

-- | Writes a whole output.
writeBytes :: FilePath -> B.ByteString -> IO ()
writeBytes name content = outputPath name >>= \at -> B.writeFile at content

-- | Writes a whole output as it is made, in pieces.
writeLazy :: FilePath -> L.ByteString -> IO ()
writeLazy name content = outputPath name >>= \at -> L.writeFile at content
