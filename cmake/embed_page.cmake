# Run when a source of the report's page has changed: writes ${OUTPUT}, a .cpp with the page of ${FOLDER} in which its
# styles and scripts stand, those of vendor/ first, each in the order of their names. Data come in at run time.
function(joined pattern result)
  file(GLOB vendored ${FOLDER}/vendor/${pattern})
  file(GLOB own ${FOLDER}/${pattern})
  set(text "")
  foreach(path ${vendored} ${own})
    file(READ ${path} source)
    if(source MATCHES "</(script|style)")
      message(FATAL_ERROR "${path}: '</script' or '</style' in it would end its element")
    endif()
    string(APPEND text "${source}\n")
  endforeach()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

joined(*.css styles)
joined(*.js scripts)
file(READ ${FOLDER}/page.html page)
foreach(mark "<!--STYLE-->" "<!--SCRIPTS-->" "<!--DATA-->")
  string(FIND "${page}" "${mark}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "${FOLDER}/page.html: it has no ${mark}")
  endif()
endforeach()
string(REPLACE "<!--STYLE-->" "<style>\n${styles}</style>" page "${page}")
string(REPLACE "<!--SCRIPTS-->" "<script>\n(() => {\n\"use strict\";\n${scripts}})();\n</script>" page "${page}")
string(FIND "${page}" "<!--DATA-->" place)
string(SUBSTRING "${page}" 0 ${place} before)
string(LENGTH "<!--DATA-->" length)
math(EXPR place "${place} + ${length}")
string(SUBSTRING "${page}" ${place} -1 after)
file(WRITE ${OUTPUT} "#include \"train/report/page.h\"

namespace transformlet {

const std::string_view page_before_data = R\"~page~(${before})~page~\";
const std::string_view page_after_data = R\"~page~(${after})~page~\";

}  // namespace transformlet
")
